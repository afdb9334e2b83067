/** The kernel ends a sidecar at its memory limit: its locks are kept for the session, its app is told, the next waits. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { until } from "#tools/cluster/until.ts";
import { sidecarOf } from "../installation.ts";
import { afterGuarantee, assertNoLie, tell, type FaultStage } from "./stage.ts";

const namespace = "oom";

export async function sidecarOutOfMemory(stage: FaultStage): Promise<void> {
  const { holder, waiter, grant } = await stage.pair(namespace, {
    annotations: { "holdfast.dev/memory-limit": "96Mi", "holdfast.dev/session-ttl": "10s" },
  });
  const sidecar = sidecarOf(holder.pod);
  const eats = eatMemoryBeside(sidecar);
  try {
    await until("the sidecar to be ended for want of memory", async () => {
      const ended = "{.status.initContainerStatuses[0].lastState.terminated.reason}";
      const pod = ["get", "pod", holder.pod, "-n", namespace, "-o", `jsonpath=${ended}`];
      return (await stage.made.kubectl(...pod)) === "OOMKilled";
    });
  } finally {
    eats.kill("SIGKILL");
  }
  const lost = await stage.until(holder, "lost");
  assert.deepEqual(
    [lost.id, lost.status, lost.code, lost.reason],
    [grant, 409, "grant_lost", "sessionLost"],
  );
  const next = await stage.until(waiter, "granted");
  const first = stage.record(holder);
  const laterMs = afterGuarantee(first, grant, next);
  tell(`sidecar OOMKilled: the next was granted ${laterMs} ms after the last guarantee had ended`);
  assert.ok(laterMs > 0, "it was granted within a guarantee");
  assertNoLie([first, stage.record(waiter)]);
}

/** Bounded: it stops before the machine would notice, and the kernel takes the sidecar first, whose score is higher. */
const eats = `const eaten = [];
for (let at = 0; at < 24; at++) eaten.push(Buffer.alloc(4 * 1024 * 1024, 1));
setTimeout(() => process.exit(), 60_000);`;

/** A process of ours in the container's own cgroup: the limit is the container's, and the kernel chooses whom it ends. */
function eatMemoryBeside(pid: number) {
  const enter = 'echo $$ > "$0/cgroup.procs" && exec "$@"';
  const args = ["-c", enter, memoryCgroupOf(pid), process.execPath, "--eval", eats];
  return spawn("sh", args, { stdio: "ignore" });
}

function memoryCgroupOf(pid: number): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").trim().split("\n");
  for (const line of lines) {
    const [, controllers = "", place = ""] = line.split(":");
    if (controllers.split(",").includes("memory")) return path.join("/sys/fs/cgroup/memory", place);
    if (controllers === "" && lines.length === 1) return path.join("/sys/fs/cgroup", place);
  }
  throw new Error(`process ${pid} has no cgroup with a memory limit:\n${lines.join("\n")}`);
}
