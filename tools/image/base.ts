/** What images stand on: who they run as, and, of sidecar and operator, Node with the libraries it needs. No shell. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { ask, run, type Say } from "#tools/fetch/step.ts";
import { file, folder } from "./entries.ts";
import { copied, librariesOf, resolverLibraries } from "./libraries.ts";
import type { Part } from "./part.ts";
import { debianParts } from "./parts-debian.ts";
import { nodePart } from "./parts-npm.ts";
import type { Entry } from "./tar.ts";

/** A user that no machine has otherwise. */
export const user = "65532:65532";
export const nodeFile = "usr/local/bin/node";

/** Folders that are mounted over. */
export const accounts: readonly Entry[] = [
  ...["dev", "proc", "sys", "etc"].map((name) => folder(name)),
  file("etc/passwd", "root:x:0:0:root:/:/sbin/nologin\nholdfast:x:65532:65532::/:/sbin/nologin\n"),
  file("etc/group", "root:x:0:\nholdfast:x:65532:\n"),
  file("etc/nsswitch.conf", "hosts: files dns\n"),
];

export interface Base {
  readonly entries: readonly Entry[];
  readonly parts: readonly Part[];
}

export async function nodeBase(say: Say): Promise<Base> {
  const program = process.execPath;
  const libraries = [...(await librariesOf(program)), ...(await resolverLibraries(program))];
  return {
    entries: [
      ...accounts,
      file(nodeFile, await stripped(program, say), 0o755),
      ...(await Promise.all(libraries.map(copied))),
    ],
    parts: [nodePart(program), ...(await debianParts(libraries))],
  };
}

/** Without the names of its functions: an eighth of it. */
async function stripped(program: string, say: Say): Promise<Buffer> {
  if ((await ask("strip", ["--version"])) === undefined) {
    say(
      "there is no strip on this machine (Debian's binutils): Node goes into the images as it is",
    );
    return await readFile(program);
  }
  const place = await mkdtemp(path.join(tmpdir(), "holdfast-image-"));
  try {
    const output = path.join(place, "node");
    await run({ command: "strip", args: ["-o", output, program] });
    return await readFile(output);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}
