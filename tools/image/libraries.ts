/** The libraries that a program is linked to, as this machine has them, for an image that has nothing else. */
import { existsSync } from "node:fs";
import { readFile, realpath } from "node:fs/promises";
import path from "node:path";
import { run } from "#tools/fetch/step.ts";
import { file } from "./entries.ts";
import type { Entry } from "./tar.ts";

/** What the C library opens by itself when a name is looked up. */
const resolverNames = ["libresolv.so.2", "libnss_dns.so.2", "libnss_files.so.2"];

/** Absolute paths, the loader among them; none where it is linked to none. */
export async function librariesOf(program: string): Promise<string[]> {
  const lines = await run({ command: "ldd", args: [program] }).catch(() => "");
  return [...lines.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? "");
}

/** With them, names are looked up at the cluster's name service. Of a program that is linked to no C library: none. */
export async function resolverLibraries(program: string): Promise<string[]> {
  const libc = (await librariesOf(program)).find((each) => each.includes("/libc.so"));
  if (libc === undefined) return []; // it has its own resolver
  const folder = path.dirname(libc);
  return resolverNames.map((name) => path.join(folder, name)).filter((each) => existsSync(each));
}

export async function copied(library: string): Promise<Entry> {
  return file(library.slice(1), await readFile(await realpath(library)), 0o755);
}
