/**
 * What a real cluster leaves outside of its folder, and how each is taken away: containers and their shims, mounts,
 * cgroups, the network, three settings of the kernel. All by what the folder says, so that it works after a crash, too.
 */
import { readdirSync, readFileSync, existsSync } from "node:fs";
import { readdir, rm, rmdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { run } from "#tools/fetch/step.ts";
import { end, runningIn, startOf, type Noted } from "../pid-file.ts";
import { until } from "../until.ts";
import { ctr, socketIn } from "./containerd.ts";
import { absentNow, clearFolders } from "./machine-folders.ts";
import { removeNetwork } from "./network.ts";
import { namespacesFolder } from "./site.ts";

/** The kubelet sets these for the whole machine, whatever its settings say. */
const sysctls = ["vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops"];
const cgroups = "/sys/fs/cgroup";

/** The machine as it was before. */
interface Before {
  readonly sysctls: Readonly<Record<string, string>>;
  /** The first network namespace that is named on a machine makes a mount, for good. */
  readonly namespacesMounted: boolean;
  readonly namespacesFolder: boolean;
  /** See machine-folders.ts. */
  readonly absent: readonly string[];
}

const beforeIn = (folder: string): string => path.join(folder, "machine-before.json");

/** To be called before anything is started. Also tells, by being there, that the cluster is a real one. */
export async function noteMachine(folder: string): Promise<void> {
  const values = sysctls.map((name) => [name, readFileSync(`/proc/sys/${name}`, "utf8").trim()]);
  const before = {
    sysctls: Object.fromEntries(values) as Record<string, string>,
    namespacesMounted: mounts().includes(namespacesFolder),
    namespacesFolder: existsSync(namespacesFolder),
    absent: absentNow(),
  } satisfies Before;
  await writeFile(beforeIn(folder), JSON.stringify(before));
}

export const isReal = (folder: string): boolean => existsSync(beforeIn(folder));

function mounts(): string[] {
  return readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => (line.split(" ")[1] ?? "").replaceAll("\\040", " "));
}

/** Ends what starts containers, then the containers. What else runs may be ended after it. */
export async function endContainers(folder: string): Promise<void> {
  const running = runningIn(folder);
  const named = (name: string): Noted[] => running.filter((each) => each.name === name);
  for (const noted of [...named("kubelet"), ...named("kube-proxy")]) await end(noted, "at once");
  if (named("containerd").length > 0) await endTasks(folder);
  for (const noted of named("containerd")) await end(noted, "in order");
  await endBundles(folder);
  for (const shim of shimsOf(folder)) await end(shim, "at once");
}

/** Where containerd has crashed its containers still run, and each has its bundle. Otherwise there is none left. */
async function endBundles(folder: string): Promise<void> {
  const bundles = path.join(folder, "containerd-state/io.containerd.runtime.v2.task/k8s.io");
  if (!existsSync(bundles)) return;
  for (const id of await readdir(bundles)) {
    const args = ["--root", "/run/containerd/runc/k8s.io", "delete", "--force", id];
    await run({ command: "runc", args });
    const address = path.join(bundles, id, "address");
    // The containers of a pod share one shim, and some have no address of their own.
    if (!existsSync(address)) continue;
    await rm(readFileSync(address, "utf8").replace(/^unix:\/\//, ""), { force: true });
  }
}

async function endTasks(folder: string): Promise<void> {
  const list = async (): Promise<string[]> => words(await ctr(folder, ["tasks", "list", "-q"]));
  const settled = (all: readonly Promise<string>[]): Promise<unknown> => Promise.allSettled(all);
  // All at once: a task of which the sandbox has gone may be gone itself, and that is what is wanted.
  const kill = (id: string): Promise<string> => ctr(folder, ["tasks", "kill", "-s", "SIGKILL", id]);
  const running = await list().catch(() => undefined);
  if (running === undefined) return; // containerd does not answer: what it has started is ended by its bundles
  await settled(running.map(kill));
  await until("the containers to end", async () => {
    const left = await list();
    await settled(left.map((id) => ctr(folder, ["tasks", "delete", "-f", id])));
    return (await list()).length === 0;
  });
  const containers = words(await ctr(folder, ["containers", "list", "-q"]));
  await settled(containers.map((id) => ctr(folder, ["containers", "delete", id])));
}

const words = (text: string): string[] => text.split("\n").filter((word) => word !== "");

/** They outlive their containerd by design, and carry its socket on their command line. */
function shimsOf(folder: string): Noted[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const args = commandOf(pid);
      return args[0]?.includes("containerd-shim") === true && args.includes(socketIn(folder));
    })
    .flatMap((pid) => {
      const startedAt = startOf(pid);
      return startedAt === undefined ? [] : [{ name: "containerd-shim", pid, startedAt }];
    });
}

function commandOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return []; // it has ended since the list was read
  }
}

/** When all processes have ended. */
export async function removeRemains(folder: string): Promise<void> {
  await unmountBelow(folder);
  await removeNetwork();
  await removeCgroups();
  const before = JSON.parse(readFileSync(beforeIn(folder), "utf8")) as Before;
  for (const [name, value] of Object.entries(before.sysctls))
    await writeFile(`/proc/sys/${name}`, value);
  await clearFolders(before.absent);
  await removeNamespacesFolder(before);
}

async function removeNamespacesFolder(before: Before): Promise<void> {
  // Somebody else may have named one since.
  if (!existsSync(namespacesFolder) || (await readdir(namespacesFolder)).length > 0) return;
  if (!before.namespacesMounted && mounts().includes(namespacesFolder))
    await run({ command: "umount", args: [namespacesFolder] });
  if (!before.namespacesFolder) await rmdir(namespacesFolder);
}

/** The inner ones first; more than once, since one mount can lie on another. */
async function unmountBelow(folder: string): Promise<void> {
  const below = (): string[] =>
    mounts()
      .filter((place) => place.startsWith(`${folder}/`))
      .sort()
      .toReversed();
  await until("its mounts to go", async () => {
    for (const place of below()) await run({ command: "umount", args: ["-l", place] });
    return below().length === 0;
  });
}

async function removeCgroups(): Promise<void> {
  // Version 2 has one tree, version 1 one for each controller.
  const roots = existsSync(path.join(cgroups, "cgroup.controllers"))
    ? [cgroups]
    : (await readdir(cgroups)).map((name) => path.join(cgroups, name));
  for (const root of roots) await removeTree(path.join(root, "kubepods"));
}

async function removeTree(group: string): Promise<void> {
  if (!existsSync(group)) return;
  for (const entry of await readdir(group, { withFileTypes: true }))
    if (entry.isDirectory()) await removeTree(path.join(group, entry.name));
  // The kernel needs a moment to forget the last process.
  await until(`${group} to be empty`, () => rmdir(group).then(() => true));
}
