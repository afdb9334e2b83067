/** The kernel ends a sidecar at its memory limit: its locks are kept for the session, its app is told, the next waits. */
import assert from "node:assert/strict";
import { until } from "#tools/cluster/until.ts";
import { sidecarOf } from "../installation.ts";
import { endForWantOfMemory } from "../out-of-memory.ts";
import { afterGuarantee, assertNoLie, tell, type FaultStage } from "./stage.ts";

const namespace = "oom";

export async function sidecarOutOfMemory(stage: FaultStage): Promise<void> {
  const { holder, waiter, grant } = await stage.pair(namespace, {
    annotations: { "holdfast.dev/memory-limit": "96Mi", "holdfast.dev/session-ttl": "10s" },
  });
  await endForWantOfMemory(sidecarOf(holder.pod));
  await until("its container to tell why it ended", async () => {
    const ended = "{.status.initContainerStatuses[0].lastState.terminated.reason}";
    const pod = ["get", "pod", holder.pod, "-n", namespace, "-o", `jsonpath=${ended}`];
    return (await stage.made.kubectl(...pod)) === "OOMKilled";
  });
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
