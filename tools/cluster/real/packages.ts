/** What the real rung takes from Debian: installed where it is missing, and said in one line. */
import { existsSync } from "node:fs";
import { run, type Say } from "#tools/fetch/step.ts";

/** A file that shows that the package is there. */
const packages: Readonly<Record<string, string>> = {
  containerd: "/usr/bin/containerd",
  runc: "/usr/sbin/runc",
  "containernetworking-plugins": "/usr/lib/cni/bridge",
  iptables: "/usr/sbin/iptables",
  ipset: "/usr/sbin/ipset",
  conntrack: "/usr/sbin/conntrack",
  ethtool: "/usr/sbin/ethtool",
  kmod: "/usr/sbin/modprobe",
  iproute2: "/usr/sbin/ip",
  mount: "/usr/bin/umount",
  procps: "/usr/sbin/sysctl",
  busybox: "/usr/bin/busybox",
};

const installMaxMs = 10 * 60_000;

export const networkPlugins = "/usr/lib/cni";
export const busyboxFile = "/usr/bin/busybox";

const missing = (): string[] =>
  Object.entries(packages)
    .filter(([, file]) => !existsSync(file) && !existsSync(file.replace(/^\/usr/, "")))
    .map(([name]) => name);

/** Undefined: all are there. Otherwise why they are not, in words. */
export async function bringPackages(say: Say): Promise<string | undefined> {
  const names = missing();
  if (names.length === 0) return undefined;
  say(`installing from Debian, with apt-get: ${names.join(" ")}`);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args: readonly string[]): Promise<string> =>
    run({ command: "apt-get", args, env, timeoutMs: installMaxMs });
  try {
    await apt("update", "-qq");
    await apt("install", "-y", "-qq", "--no-install-recommends", ...names);
  } catch (error) {
    return `The real rung needs ${names.join(", ")}, and apt-get could not install them: ${(error as Error).message}`;
  }
  const still = missing();
  return still.length === 0 ? undefined : `Debian's packages hold no ${still.join(", ")}.`;
}
