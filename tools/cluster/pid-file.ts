/**
 * Which processes a cluster has started: one file each, so that what was started by one process can be ended by another.
 * A pid alone is not enough, since the kernel gives it again: the time of the start tells them apart (Linux only).
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";

export interface Noted {
  readonly name: string;
  readonly pid: number;
  /** In the kernel's ticks since it booted. */
  readonly startedAt: string;
}

const lookEveryMs = 20;
/** From SIGTERM to SIGKILL. */
const graceMs = 2_000;
const goneWithinMs = 20_000;

const folderIn = (folder: string): string => path.join(folder, "pids");

export function notePid(folder: string, name: string, pid: number): void {
  const startedAt = startOf(pid);
  if (startedAt === undefined) return; // it has ended already: nothing to end later
  mkdirSync(folderIn(folder), { recursive: true });
  const noted: Noted = { name, pid, startedAt };
  writeFileSync(path.join(folderIn(folder), name), JSON.stringify(noted));
}

export function forgetPid(folder: string, name: string): void {
  rmSync(path.join(folderIn(folder), name), { force: true });
}

/** What is noted and still runs. */
export function runningIn(folder: string): Noted[] {
  let names: string[];
  try {
    names = readdirSync(folderIn(folder));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  return names
    .map((name) => JSON.parse(readFileSync(path.join(folderIn(folder), name), "utf8")) as Noted)
    .filter(isRunning);
}

export function isRunning({ pid, startedAt }: Noted): boolean {
  return startOf(pid) === startedAt;
}

/** Ends it, and waits until it is gone. `at once` for what takes long to say goodbye and has nothing to lose. */
export async function end(noted: Noted, how: "in order" | "at once"): Promise<void> {
  const beganAt = performance.now();
  let signal: NodeJS.Signals = how === "in order" ? "SIGTERM" : "SIGKILL";
  signalTo(noted, signal);
  while (isRunning(noted)) {
    const waitedMs = performance.now() - beganAt;
    if (waitedMs > goneWithinMs) throw new Error(`${noted.name} (pid ${noted.pid}) does not end.`);
    if (waitedMs > graceMs && signal !== "SIGKILL") {
      signal = "SIGKILL";
      signalTo(noted, signal);
    }
    await sleep(lookEveryMs);
  }
}

function signalTo(noted: Noted, signal: NodeJS.Signals): void {
  if (!isRunning(noted)) return;
  try {
    process.kill(noted.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Undefined where there is no such process, or only its exit code is left. */
export function startOf(pid: number): string | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined; // gone, or no /proc: nothing of ours can be told from others then
  }
  // The name stands in brackets and may hold anything; the state and 19 more fields come before the start.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? undefined : fields[19];
}
