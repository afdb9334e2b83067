/**
 * Takes a program out of its Debian package, without installing it: an installed etcd-server would start a service.
 * Works for any user where apt knows its packages; only root can bring an empty list up to date.
 */
import { chmod, copyFile, readdir, rm } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { ask, run, type Say } from "./step.ts";

export interface DebianProgram {
  readonly program: string;
  readonly package: string;
  /** What the package must hold; another version is no use. Absent: any will do. */
  readonly minor?: string;
  readonly folder: string;
  readonly say: Say;
}

export async function fromDebian({
  program,
  package: name,
  minor,
  folder,
  say,
}: DebianProgram): Promise<void> {
  const [, offered] = await firstKnown([name], say);
  if (minor !== undefined && !offered.startsWith(`${minor}.`))
    throw new Error(`the package ${name} is ${offered}, another version`);
  const unpacked = path.join(folder, "unpacked");
  await unpack({ name, offered, folder, into: unpacked, say });
  await copyFile(path.join(unpacked, "usr/bin", program), path.join(folder, program));
  await chmod(path.join(folder, program), 0o755);
  await rm(unpacked, { recursive: true, force: true });
}

export interface DebianPackage {
  /** The first of these that is known. */
  readonly names: readonly string[];
  /** Its files lie in there after that, as they would below `/`. */
  readonly folder: string;
  readonly say: Say;
}

export async function unpackDebian({ names, folder, say }: DebianPackage): Promise<void> {
  const [name, offered] = await firstKnown(names, say);
  await unpack({ name, offered, folder, into: folder, say });
}

/** Name and version. */
async function firstKnown(names: readonly string[], say: Say): Promise<[string, string]> {
  if ((await ask("apt-get", ["--version"])) === undefined)
    throw new Error("there is no apt-get on this machine");
  let known = await candidateOf(names);
  if (known === undefined && isRoot()) {
    await updateLists(say);
    known = await candidateOf(names);
  }
  if (known === undefined) throw new Error(`no package ${names.join(" or ")} is known here`);
  return known;
}

const isRoot = (): boolean => process.getuid?.() === 0;

async function updateLists(say: Say): Promise<void> {
  say("bringing the lists of Debian's packages up to date");
  await run({ command: "apt-get", args: ["update", "-qq"], timeoutMs: 120_000 });
}

async function candidateOf(names: readonly string[]): Promise<[string, string] | undefined> {
  for (const name of names) {
    const offered = await candidate(name);
    if (offered !== undefined) return [name, offered];
  }
  return undefined;
}

interface Unpacking {
  readonly name: string;
  readonly offered: string;
  readonly folder: string;
  readonly into: string;
  readonly say: Say;
}

async function unpack({ name, offered, folder, into, say }: Unpacking): Promise<void> {
  say(`taking it from the Debian package ${name} ${offered}`);
  const download = { command: "apt-get", args: ["download", "-qq", name], timeoutMs: 120_000 };
  try {
    await run({ ...download, folder });
  } catch (error) {
    if (!isRoot()) throw error;
    // Old lists name a version that the archive no longer has.
    await updateLists(say);
    await run({ ...download, folder });
  }
  const archive = (await readdir(folder)).find((file) => file.endsWith(".deb"));
  if (archive === undefined) throw new Error(`apt-get brought no package ${name}`);
  await run({ command: "dpkg-deb", args: ["-x", archive, into], folder });
  await rm(path.join(folder, archive));
}

async function candidate(name: string): Promise<string | undefined> {
  const lines = await run({
    command: "apt-cache",
    args: ["policy", name],
    env: { LC_ALL: "C" },
  }).catch(() => "");
  const version = /Candidate: (\S+)/.exec(lines)?.[1];
  return version === "(none)" ? undefined : version;
}
