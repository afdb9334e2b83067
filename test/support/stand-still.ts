/**
 * Makes a process stand still, and tells when it does: SIGSTOP is only queued when kill() returns, and a thread that runs on
 * another processor goes on until the kernel reaches it; what it does meanwhile would be taken for an answer of a process
 * that stands.
 */
import type { ChildProcess } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { eventually } from "./poll.ts";

export async function standStill(child: ChildProcess): Promise<void> {
  child.kill("SIGSTOP");
  await eventually("a process to stand still", () => standsStill(child.pid ?? 0));
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
