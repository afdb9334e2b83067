/** A real registry of images (CNCF distribution's) on a free port of loopback, with its storage in a folder that goes with it. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fetchBuilt } from "#tools/fetch/built.ts";
import { freePorts, giveBack } from "./free-ports.ts";
import { eventually } from "./poll.ts";

/** Ended with this process: a test that dies must not leave servers behind. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A file that it needs, by name; `{folder}` in its settings is where these lie. */
export interface RegistryOptions {
  readonly auth?: object;
  readonly files?: Readonly<Record<string, string>>;
}

export class ImageRegistry implements AsyncDisposable {
  readonly host: string;
  readonly #folder: string;
  readonly #port: number;
  readonly #child: ChildProcess;
  #log = "";

  private constructor(parts: { program: string; folder: string; port: number }) {
    this.host = `localhost:${parts.port}`;
    this.#folder = parts.folder;
    this.#port = parts.port;
    this.#child = spawn(parts.program, ["serve", path.join(parts.folder, "settings.json")], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, OTEL_TRACES_EXPORTER: "none" },
    });
    running.add(this.#child);
    const keep = (text: string) => (this.#log = (this.#log + text).slice(-10_000));
    this.#child.stderr?.setEncoding("utf8").on("data", keep);
  }

  /** Throws `ToolMissing` where it cannot be had: such a test is skipped. */
  static async start({ auth, files = {} }: RegistryOptions = {}): Promise<ImageRegistry> {
    const program = path.join((await fetchBuilt("registry")).folder, "registry");
    const folder = await mkdtemp(path.join(tmpdir(), "holdfast-registry-"));
    const [port = 0] = await freePorts(1);
    const settings = {
      version: "0.1",
      log: { level: "warn", accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: path.join(folder, "storage") } },
      http: { addr: `127.0.0.1:${port}` },
      ...(auth === undefined ? {} : { auth }),
    };
    const text = JSON.stringify(settings).replaceAll("{folder}", folder);
    await writeFile(path.join(folder, "settings.json"), text);
    for (const [name, content] of Object.entries(files))
      await writeFile(path.join(folder, name), content);
    const registry = new ImageRegistry({ program, folder, port });
    try {
      await eventually("the registry to answer", () => registry.#answers());
    } catch (error) {
      await registry[Symbol.asyncDispose]();
      throw new Error(registry.#log, { cause: error });
    }
    return registry;
  }

  /** Of its API, without credentials. */
  get(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return fetch(`http://${this.host}${url}`, { headers });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = new Promise((resolve) => this.#child.once("close", resolve));
      this.#child.kill("SIGKILL");
      await ended;
    }
    running.delete(this.#child);
    giveBack([this.#port]);
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #answers(): Promise<boolean> {
    const { status } = await this.get("/v2/");
    return status === 200 || status === 401;
  }
}
