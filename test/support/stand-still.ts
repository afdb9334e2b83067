/**
 * Makes a process stand still, and tells when it does: SIGSTOP is only queued when kill() returns, and a thread that runs on
 * another processor goes on until the kernel reaches it; what it does meanwhile would be taken for an answer of a process
 * that stands.
 */
import { readdir, readFile } from "node:fs/promises";
import process from "node:process";
import { eventually } from "./poll.ts";

export async function standStill(pid: number | undefined): Promise<void> {
  // 0 would be all processes of our own group.
  if (pid === undefined || pid <= 0) throw new Error(`there is no process ${String(pid)}`);
  process.kill(pid, "SIGSTOP");
  await eventually("a process to stand still", () => standsStill(pid));
}

/** Where the system has no /proc, the signal is all that there is. */
async function standsStill(pid: number): Promise<boolean> {
  const tasks = `/proc/${String(pid)}/task`;
  const threads = await readdir(tasks).catch(() => []);
  const states = await Promise.all(threads.map((thread) => stateOf(`${tasks}/${thread}/stat`)));
  return states.every((state) => state === "T");
}

/** The letter behind the name, which stands in parentheses and may hold some itself. */
async function stateOf(path: string): Promise<string | undefined> {
  const stat = await readFile(path, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2)[0];
}
