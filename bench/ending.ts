/** Child processes that end with this one, however it ends. */
import type { ChildProcess } from "node:child_process";
import process from "node:process";

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export function endWithUs(child: ChildProcess): void {
  running.add(child);
  const over = (): void => {
    running.delete(child);
  };
  child.once("exit", over);
  child.once("error", over);
}
