/**
 * The images of the real rung, from what the machine has: CoreDNS as it was built, busybox of Debian, the Node that runs
 * this. Programs that are linked to libraries bring those of the machine.
 */
import { readFile } from "node:fs/promises";
import process from "node:process";
import { run } from "#tools/fetch/step.ts";
import { plainLayer, type Image, type Settings } from "#tools/image/archive.ts";
import { file, folder, link, withFolders } from "#tools/image/entries.ts";
import { copied, librariesOf, resolverLibraries } from "#tools/image/libraries.ts";
import type { Entry } from "#tools/image/tar.ts";
import { busyboxFile } from "./packages.ts";
import { imageOf } from "./site.ts";

const nobody = "65534:65534";

/** In the order in which they are needed. */
export async function* imagesOf(coredns: string): AsyncGenerator<Image> {
  const base = await baseEntries();
  // It holds a pod's namespaces until it is killed, and does nothing else.
  const wait = ["/bin/sleep", String(2 ** 31 - 1)];
  yield image("pause", base, { entrypoint: wait, user: nobody });
  // It needs nothing but the kernel.
  const program = [file("coredns", await readFile(coredns), 0o755)];
  yield image("coredns", program, { entrypoint: ["/coredns"] });
  yield image("busybox", base, { command: ["/bin/sh"] });
  const node = withFolders([...base, ...(await withLibraries(process.execPath, "bin/node"))]);
  yield image("node", node, { command: ["node"] });
}

const image = (name: string, entries: readonly Entry[], settings: Settings): Image => ({
  reference: imageOf(name),
  layers: [plainLayer(entries)],
  settings,
});

async function baseEntries(): Promise<Entry[]> {
  const names = (await run({ command: busyboxFile, args: ["--list"] })).trim().split("\n");
  const resolver = await resolverLibraries(busyboxFile);
  return withFolders([
    ...(await withLibraries(busyboxFile, "bin/busybox")),
    ...names.filter((name) => name !== "busybox").map((name) => link(`bin/${name}`, "busybox")),
    ...(await Promise.all(resolver.map(copied))),
    folder("tmp", 0o1777),
    ...["dev", "proc", "sys"].map((name) => folder(name)),
    file("etc/passwd", "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:::/bin/sh\n"),
    file("etc/group", "root:x:0:\nnogroup:x:65534:\n"),
    file("etc/nsswitch.conf", "hosts: files dns\n"),
  ]);
}

async function withLibraries(program: string, name: string): Promise<Entry[]> {
  const libraries = await librariesOf(program);
  return [
    file(name, await readFile(program), 0o755),
    ...(await Promise.all(libraries.map(copied))),
  ];
}
