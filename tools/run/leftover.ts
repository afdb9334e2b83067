/**
 * What an earlier `make run` left running because it was killed: its processes go on, on its ports and its data.
 * Their pids stand in a file beside the data; on Linux the kernel also tells who locks etcd's database.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { Unusable } from "./plan.ts";

/** By what its command line shows that a pid is still the process that it was. */
const marks = { run: "tools/run.ts", sidecar: "sidecar/main.ts", etcd: "etcd" } as const;
type Role = keyof typeof marks;
type Pids = Partial<Record<Role, number | undefined>>;

const fileIn = (folder: string): string => path.join(folder, "pids.json");

export function notePids(folder: string, pids: Pids): void {
  writeFileSync(fileIn(folder), JSON.stringify(pids));
}

export function forgetPids(folder: string): void {
  rmSync(fileIn(folder), { force: true });
}

/** Throws with the pid of what still uses the folder. */
export function needNobodyElse(folder: string): void {
  const pids = readPids(folder);
  if (pids.run !== undefined && pids.run !== process.pid && runs("run", pids.run)) {
    throw new Unusable(
      `Another make run (pid ${pids.run}) uses ${folder}. Stop it with Ctrl-C there, or: kill ${pids.run}`,
    );
  }
  const left: string[] = [];
  if (pids.sidecar !== undefined && runs("sidecar", pids.sidecar))
    left.push(tell("sidecar", pids.sidecar));
  const etcd = lockOwner(path.join(folder, "etcd/member/snap/db")) ?? pids.etcd;
  if (etcd !== undefined && runs("etcd", etcd)) left.push(tell("etcd", etcd));
  if (left.length > 0) throw new Unusable(left.join("\n"));
}

function tell(role: Role, pid: number): string {
  return `The ${role} of an earlier run that was killed still runs (pid ${pid}). End it, then repeat: kill ${pid}`;
}

function readPids(folder: string): Pids {
  if (!existsSync(fileIn(folder))) return {};
  try {
    return JSON.parse(readFileSync(fileIn(folder), "utf8")) as Pids;
  } catch (error) {
    // Half a file, of a machine that lost power: what it named is gone, too.
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

function runs(role: Role, pid: number): boolean {
  try {
    return execFileSync("ps", ["-o", "args=", "-p", String(pid)], { encoding: "utf8" }).includes(
      marks[role],
    );
  } catch {
    // ps says by its exit code that there is no such process; where there is no ps, a signal tells as much.
    return answersSignal(pid);
  }
}

function answersSignal(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Who holds a lock on the file; undefined where nobody does, or the kernel does not tell. */
function lockOwner(file: string): number | undefined {
  if (!existsSync(file) || !existsSync("/proc/locks")) return undefined;
  const inode = `:${statSync(file).ino} `;
  const held = readFileSync("/proc/locks", "utf8")
    .split("\n")
    .find((entry) => entry.includes(inode));
  const pid = Number(held?.trim().split(/\s+/)[4]);
  return Number.isInteger(pid) && pid > 0 ? pid : undefined;
}
