/**
 * The images of the real rung, from what the machine has: CoreDNS as it was built, busybox of Debian, the Node that runs
 * this. Programs that are linked to libraries bring those of the machine.
 */
import { readFile, realpath } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { run } from "#tools/fetch/step.ts";
import { file, folder, link, type Image } from "./image.ts";
import { busyboxFile } from "./packages.ts";
import { imageOf } from "./site.ts";
import type { Entry } from "./tar.ts";

const nobody = "65534:65534";

/** What the C library opens by itself when a name is looked up. */
const resolverLibraries = ["libresolv.so.2", "libnss_dns.so.2", "libnss_files.so.2"];

/** In the order in which they are needed. */
export async function* imagesOf(coredns: string): AsyncGenerator<Image> {
  const base = await baseEntries();
  // It holds a pod's namespaces until it is killed, and does nothing else.
  const wait = ["/bin/sleep", String(2 ** 31 - 1)];
  yield { name: imageOf("pause"), entries: base, entrypoint: wait, user: nobody };
  yield await single("coredns", coredns);
  yield { name: imageOf("busybox"), entries: base, command: ["/bin/sh"] };
  yield {
    name: imageOf("node"),
    entries: withFolders([...base, ...(await withLibraries(process.execPath, "bin/node"))]),
    command: ["node"],
  };
}

/** A program that needs nothing but the kernel. */
async function single(name: string, program: string): Promise<Image> {
  const entries = [file(name, await readFile(program), 0o755)];
  return { name: imageOf(name), entries, entrypoint: [`/${name}`] };
}

async function baseEntries(): Promise<Entry[]> {
  const names = (await run({ command: busyboxFile, args: ["--list"] })).trim().split("\n");
  return withFolders([
    ...(await withLibraries(busyboxFile, "bin/busybox")),
    ...names.filter((name) => name !== "busybox").map((name) => link(`bin/${name}`, "busybox")),
    ...(await resolver()),
    folder("tmp", 0o1777),
    ...["dev", "proc", "sys"].map((name) => folder(name)),
    file("etc/passwd", Buffer.from("root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:::/bin/sh\n")),
    file("etc/group", Buffer.from("root:x:0:\nnogroup:x:65534:\n")),
    file("etc/nsswitch.conf", Buffer.from("hosts: files dns\n")),
  ]);
}

async function resolver(): Promise<Entry[]> {
  const [first] = (await librariesOf(busyboxFile)).filter((each) => each.includes("/libc.so"));
  if (first === undefined) return []; // linked without libraries: it has its own resolver
  const paths = resolverLibraries.map((name) => path.join(path.dirname(first), name));
  return Promise.all(paths.map(copied));
}

async function withLibraries(program: string, name: string): Promise<Entry[]> {
  const libraries = await librariesOf(program);
  return [
    file(name, await readFile(program), 0o755),
    ...(await Promise.all(libraries.map(copied))),
  ];
}

async function copied(library: string): Promise<Entry> {
  return file(library.slice(1), await readFile(await realpath(library)), 0o755);
}

/** Absolute paths, the loader among them; none where it is linked to none. */
async function librariesOf(program: string): Promise<string[]> {
  const lines = await run({ command: "ldd", args: [program] }).catch(() => "");
  return [...lines.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? "");
}

/** Each entry once, and before it the folders that it lies in. */
function withFolders(entries: readonly Entry[]): Entry[] {
  const all = new Map<string, Entry>();
  for (const entry of entries) {
    const parts = entry.name.split("/").filter((part) => part !== "");
    for (let depth = 1; depth < parts.length; depth++) {
      const parent = folder(parts.slice(0, depth).join("/"));
      if (!all.has(parent.name)) all.set(parent.name, parent);
    }
    all.set(entry.name, entry);
  }
  return [...all.values()];
}
