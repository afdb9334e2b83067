/** Who pushes: REGISTRY_USER and REGISTRY_PASSWORD, else what `docker login` has left in Docker's settings. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";

export type Credentials =
  | { readonly kind: "password"; readonly user: string; readonly password: string }
  /** Of `docker login` at a registry that gives out tokens. */
  | { readonly kind: "token"; readonly token: string };

export type Environment = Readonly<Record<string, string | undefined>>;

/** What is set is of no use. */
export class NoCredentials extends Error {
  override readonly name = "NoCredentials";
}

interface DockerSettings {
  readonly auths?: Readonly<Record<string, DockerAuth>>;
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>>;
}

interface DockerAuth {
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
}

/** Undefined: nobody, which some registries take. */
export async function credentialsFor(
  host: string,
  env: Environment,
): Promise<Credentials | undefined> {
  const { REGISTRY_USER: user = "", REGISTRY_PASSWORD: password = "" } = env;
  if (user !== "" && password !== "") return { kind: "password", user, password };
  if (user !== "" || password !== "")
    throw new NoCredentials("Of REGISTRY_USER and REGISTRY_PASSWORD only one is set: set both.");
  const file = path.join(env["DOCKER_CONFIG"] ?? path.join(homedir(), ".docker"), "config.json");
  if (!existsSync(file)) return undefined;
  const settings = settingsIn(file);
  const helper = settings.credHelpers?.[host] ?? settings.credsStore;
  const helped = helper === undefined ? undefined : await askHelper(helper, host);
  if (helped !== undefined) return helped;
  const found = Object.entries(settings.auths ?? {}).find(([name]) => hostOf(name) === host);
  return found === undefined ? undefined : credentialsIn(found[1], file);
}

function settingsIn(file: string): DockerSettings {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as DockerSettings;
  } catch (error) {
    throw new NoCredentials(`${file} cannot be read: ${(error as Error).message}`);
  }
}

/** Some keys are the URL of an older API. */
const hostOf = (name: string): string => name.replace(/^https?:\/\//, "").replace(/\/.*$/, "");

function credentialsIn(auth: DockerAuth, file: string): Credentials | undefined {
  const { identitytoken = "", username = "", password = "" } = auth;
  if (identitytoken !== "") return { kind: "token", token: identitytoken };
  if (username !== "" && password !== "") return { kind: "password", user: username, password };
  if (auth.auth === undefined || auth.auth === "") return undefined; // kept by a helper, which has none
  const [user = "", ...rest] = Buffer.from(auth.auth, "base64").toString("utf8").split(":");
  if (user === "" || rest.length === 0)
    throw new NoCredentials(`${file} holds credentials that cannot be read: docker login anew`);
  return { kind: "password", user, password: rest.join(":") };
}

const helperWithinMs = 60_000;

/** Docker's programs that keep passwords: the host goes in, JSON comes out; it fails where it has none. */
function askHelper(helper: string, host: string): Promise<Credentials | undefined> {
  const program = `docker-credential-${helper}`;
  return new Promise((resolve, reject) => {
    const child = spawn(program, ["get"], { stdio: ["pipe", "pipe", "ignore"] });
    // It may ask a person, and that person may have left.
    const limit = setTimeout(() => child.kill("SIGKILL"), helperWithinMs);
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.once("error", (error) => {
      clearTimeout(limit);
      reject(new NoCredentials(`${program}, which Docker's settings name: ${error.message}`));
    });
    // It need not read its input to fail: its code says so.
    child.stdin.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") reject(error);
    });
    child.once("close", (code) => {
      clearTimeout(limit);
      if (code !== 0) {
        resolve(undefined);
        return;
      }
      const { Username: user, Secret: password } = JSON.parse(output) as Record<string, string>;
      // Docker's own mark of a token.
      if (user === "<token>") resolve({ kind: "token", token: password ?? "" });
      else resolve({ kind: "password", user: user ?? "", password: password ?? "" });
    });
    child.stdin.end(host);
  });
}
