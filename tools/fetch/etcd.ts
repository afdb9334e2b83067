/**
 * Brings the programs of etcd by version, from the first source that works: PATH, our cache, the Go module, the Debian
 * package, the project's release with its checksum.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { cached, cacheFolder, install, locked } from "./cache.ts";
import { fromDebian } from "./from-debian.ts";
import { fromGoModule } from "./from-go-module.ts";
import { fromRelease } from "./from-release.ts";
import { ask, type Say } from "./step.ts";

export type EtcdProgram = "etcd" | "etcdctl" | "etcdutl";
export type EtcdMinor = "3.7" | "3.6" | "3.4";
export type Source = "PATH" | "cache" | "Go module" | "Debian package" | "release";

export interface Wanted {
  readonly version: EtcdMinor;
  readonly log?: Say;
}

export interface Tool {
  readonly path: string;
  readonly version: string;
  readonly source: Source;
}

/** No source has it. The message names the piece and the ways to get it. */
export class ToolMissing extends Error {
  override readonly name = "ToolMissing";
}

interface Release {
  /** What is built and downloaded; undefined: only Debian (or PATH) has it. */
  readonly exact: string | undefined;
  /** The lowest patch that is taken from the PATH: below it are known faults that tests would stumble over. */
  readonly patchMin: number;
}

const releases: Readonly<Record<EtcdMinor, Release>> = {
  "3.7": { exact: "3.7.3", patchMin: 1 },
  "3.6": { exact: "3.6.16", patchMin: 14 },
  "3.4": { exact: undefined, patchMin: 0 },
};

const goModules: Readonly<Record<EtcdProgram, string>> = {
  etcd: "go.etcd.io/etcd/server/v3",
  etcdctl: "go.etcd.io/etcd/etcdctl/v3",
  etcdutl: "go.etcd.io/etcd/etcdutl/v3",
};

export function isEtcdMinor(text: string): text is EtcdMinor {
  return Object.hasOwn(releases, text);
}

export function isEtcdProgram(text: string): text is EtcdProgram {
  return Object.hasOwn(goModules, text);
}

export function fetchEtcd(wanted: Wanted): Promise<Tool> {
  return fetchEtcdProgram("etcd", wanted);
}

const underWay = new Map<string, Promise<Tool>>();

/** Asked for twice at once, it is brought once. */
export function fetchEtcdProgram(program: EtcdProgram, { version, log }: Wanted): Promise<Tool> {
  const name = `${program}-${version}`;
  const begun = underWay.get(name);
  if (begun !== undefined) return begun;
  const say: Say = (line) => log?.(`${program} ${version}: ${line}`);
  const tool = find(program, version, say).finally(() => underWay.delete(name));
  underWay.set(name, tool);
  return tool;
}

async function find(program: EtcdProgram, minor: EtcdMinor, say: Say): Promise<Tool> {
  const atHand = (await onPath(program, minor, say)) ?? (await inCache(program, minor, say));
  if (atHand !== undefined) return atHand;
  return locked(`${program}-${minor}`, say, async () => {
    const meanwhile = await inCache(program, minor, () => undefined);
    return meanwhile ?? (await bring(program, minor, say));
  });
}

async function onPath(program: EtcdProgram, minor: EtcdMinor, say: Say): Promise<Tool | undefined> {
  const file = foundOnPath(program);
  const version = file === undefined ? undefined : await versionOf(file, program);
  if (file === undefined || version === undefined) return undefined;
  const patch = Number(version.split(".")[2]);
  if (!version.startsWith(`${minor}.`) || patch < releases[minor].patchMin) {
    say(`PATH has ${version}, which is another version: looking on`);
    return undefined;
  }
  say(`PATH has ${version}`);
  return { path: file, version, source: "PATH" };
}

function foundOnPath(program: string): string | undefined {
  const folders = (process.env["PATH"] ?? "")
    .split(path.delimiter)
    .filter((folder) => folder !== "");
  return folders.map((folder) => path.join(folder, program)).find((file) => existsSync(file));
}

async function inCache(
  program: EtcdProgram,
  minor: EtcdMinor,
  say: Say,
): Promise<Tool | undefined> {
  const file = cached(entryOf(program, minor), program);
  const version = file === undefined ? undefined : await versionOf(file, program);
  if (file === undefined || version === undefined) return undefined;
  say(`${version} is in the cache`);
  return { path: file, version, source: "cache" };
}

type Bring = (folder: string) => Promise<void>;

async function bring(program: EtcdProgram, minor: EtcdMinor, say: Say): Promise<Tool> {
  const exact = releases[minor].exact;
  const sources: { readonly source: Source; readonly bring: Bring }[] =
    exact === undefined
      ? []
      : [
          {
            source: "Go module",
            bring: (folder) =>
              fromGoModule({ program, module: goModules[program], version: exact, folder, say }),
          },
          {
            source: "release",
            bring: (folder) => fromRelease({ program, version: exact, folder, say }),
          },
        ];
  const debian =
    program === "etcdutl" ? undefined : program === "etcd" ? "etcd-server" : "etcd-client";
  if (debian !== undefined) {
    sources.splice(1, 0, {
      source: "Debian package",
      bring: (folder) => fromDebian({ program, package: debian, minor, folder, say }),
    });
  }
  const failures: string[] = [];
  for (const { source, bring: fill } of sources) {
    try {
      const folder = await install(entryOf(program, minor), fill);
      const file = path.join(folder, program);
      const version = await versionOf(file, program);
      if (version === undefined) throw new Error(`what it gave does not run on this machine`);
      say(`${version} came from the ${source}, and is kept in ${folder}`);
      return { path: file, version, source };
    } catch (error) {
      const why = (error as Error).message;
      failures.push(`${source}: ${why}`);
      say(`${source}: ${why}`);
    }
  }
  throw new ToolMissing(missing(program, minor, failures));
}

function entryOf(program: EtcdProgram, minor: EtcdMinor): string {
  return `${program}-${releases[minor].exact ?? minor}`;
}

/** The number in `etcd Version: 3.7.3`, which each of the programs prints in its own way. */
async function versionOf(file: string, program: EtcdProgram): Promise<string | undefined> {
  const line = await ask(file, [program === "etcd" ? "--version" : "version"]);
  return /(\d+\.\d+\.\d+)/.exec(line ?? "")?.[1];
}

function missing(program: EtcdProgram, minor: EtcdMinor, failures: readonly string[]): string {
  const exact = releases[minor].exact;
  const ways =
    exact === undefined
      ? [
          `put an ${program} ${minor} on the PATH`,
          `run this on a Debian 12, whose package is ${minor}`,
          `test without ${minor}: those tests are then skipped`,
        ]
      : [
          `put an ${program} ${minor} on the PATH`,
          `install Go (https://go.dev/dl): it is then built from ${goModules[program]}@v${exact}`,
          `unpack etcd v${exact} from https://github.com/etcd-io/etcd/releases to ${path.join(cacheFolder(), entryOf(program, minor))}`,
        ];
  const tried = failures.map((line) => `  tried ${line}`).join("\n");
  return `${program} ${minor} is missing, and no source has it.\n${tried}\nAny of these helps:\n${ways.map((way, at) => `  ${at + 1}. ${way}`).join("\n")}`;
}
