/**
 * A container that is really ended for want of memory: another process joins its cgroup and eats until the kernel has to
 * choose. It chooses the container's own: processes of pods are marked as the first to go, the eater is not.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { until } from "#tools/cluster/until.ts";

/** 8 MiB each; a buffer that is filled is resident. */
const eats = `const eaten = []; setInterval(() => eaten.push(Buffer.alloc(8 * 1024 * 1024, 1)), 10);`;

/**
 * The first process of the one container whose variable has that value, `HOSTNAME` being the pod's name in each of its
 * containers: what a runtime starts to join a container has its variables, too, for a moment.
 */
export function processWith(variable: string, value: string): number {
  const found = readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const variables = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
      if (!variables.includes(`${variable}=${value}`)) return false;
      return /^NSpid:.*\t1$/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
    } catch {
      return false; // it has ended, or is the kernel's
    }
  });
  if (found.length !== 1)
    throw new Error(`processes with ${variable}=${value}: ${found.join() || "none"}`);
  return Number(found[0]);
}

/**
 * Resolves when the process has gone: ended by the kernel. It may end the eater, too: the one that it chose is slow to go, and
 * where the whole cgroup is ended, all its processes go at once. Where only the eater went, another one eats.
 */
export async function endForWantOfMemory(pid: number): Promise<void> {
  const folder = memoryGroupOf(pid);
  let eater = eat(folder);
  try {
    await until("the kernel to end it", () => {
      if (!existsSync(`/proc/${pid}`)) return Promise.resolve(true);
      if (eater.exitCode !== null || eater.signalCode !== null) eater = eat(folder);
      return Promise.resolve(false);
    });
  } finally {
    if (eater.exitCode === null && eater.signalCode === null) {
      const over = once(eater, "exit");
      eater.kill("SIGKILL");
      await over;
    }
  }
}

function eat(folder: string): ChildProcess {
  const joins = 'echo $$ > "$0" && exec "$@"';
  const procs = path.join(folder, "cgroup.procs");
  return spawn("sh", ["-c", joins, procs, process.execPath, "--eval", eats], {
    stdio: ["ignore", "ignore", "inherit"],
  });
}

/** Of cgroups of either version. */
function memoryGroupOf(pid: number): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").trim().split("\n");
  const groups = lines
    .map((line) => /^\d+:([^:]*):(.*)$/.exec(line))
    .filter((match) => match !== null);
  const v1 = groups.find(([, controllers = ""]) => controllers.split(",").includes("memory"));
  const place = v1 ?? groups.find(([, controllers]) => controllers === "");
  if (place === undefined) throw new Error(`process ${pid} is in no cgroup that bounds memory`);
  return path.join("/sys/fs/cgroup", v1 === undefined ? "" : "memory", place[2] ?? "");
}
