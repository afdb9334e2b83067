/** What a cluster could leave on the machine, as far as it can be listed: compared before and after. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";

export interface Machine {
  readonly processes: readonly string[];
  readonly mounts: readonly string[];
  readonly namespaces: readonly string[];
  readonly links: readonly string[];
  readonly routes: readonly string[];
  readonly rules: readonly string[];
  readonly cgroups: readonly string[];
  readonly settings: readonly string[];
  readonly folders: readonly string[];
}

const ours = /^(etcd|containerd|containerd-shim|kube|coredns|busybox)/;
const folders = [
  ...["/run/containerd", "/run/netns", "/var/lib/cni", "/var/lib/kubelet"],
  ...["/opt/containerd", "/var/lib/containerd"],
];
const settings = ["vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops"];

/** `below` limits what other work on the machine changes at the same time: only processes that name it are listed. */
export function machine(below: string): Machine {
  return {
    processes: processesOf(below),
    mounts: lines(readFileSync("/proc/mounts", "utf8")).map((line) => line.split(" ")[1] ?? ""),
    namespaces: existsSync("/run/netns") ? readdirSync("/run/netns").sort() : [],
    links: readdirSync("/sys/class/net").sort(),
    routes: lines(execFileSync("ip", ["route"], { encoding: "utf8" })).sort(),
    rules: lines(execFileSync("iptables-save", { encoding: "utf8" })).filter(
      (line) => !line.startsWith("#"),
    ),
    cgroups: readdirSync("/sys/fs/cgroup").filter((name) =>
      existsSync(path.join("/sys/fs/cgroup", name, "kubepods")),
    ),
    settings: settings.map((name) => readFileSync(`/proc/sys/${name}`, "utf8").trim()),
    folders: folders.filter((folder) => existsSync(folder)),
  };
}

function processesOf(below: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(commandOf)
    .filter((args) => ours.test(path.basename(args[0] ?? "")) && args.join(" ").includes(below))
    .map((args) => args.join(" "));
}

function commandOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return []; // it has ended since the list was read
  }
}

const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");
