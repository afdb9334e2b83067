/**
 * An app, its sidecar, or both stand still for longer than the grant or the session lives, and go on: nobody else was
 * granted the lock within what the app had been told, and it is told of its loss, with when and why.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { standStill } from "#test/support/stand-still.ts";
import { sidecarOf } from "../installation.ts";
import { processWith } from "../out-of-memory.ts";
import { appVariable } from "../recording-app.ts";
import { afterGuarantee, assertNoLie, tell, type FaultStage } from "./stage.ts";

interface Standstill {
  readonly namespace: string;
  readonly who: readonly ("app" | "sidecar")[];
  /** Of the grant: shorter than the session where the app alone stands still, longer otherwise. */
  readonly ttl: string;
  /** What the app is told afterwards. */
  readonly reason: string;
}

export const standstills: Readonly<Record<string, Standstill>> = {
  app: { namespace: "stopped-app", who: ["app"], ttl: "3s", reason: "expired" },
  sidecar: { namespace: "stopped-sidecar", who: ["sidecar"], ttl: "1h", reason: "sessionLost" },
  both: { namespace: "stopped-both", who: ["sidecar", "app"], ttl: "1h", reason: "sessionLost" },
};

export async function standAndGoOn(stage: FaultStage, plan: Standstill): Promise<void> {
  const { namespace, who, ttl, reason } = plan;
  const { holder, waiter, grant } = await stage.pair(namespace, {
    ttl,
    annotations: { "holdfast.dev/session-ttl": "6s" },
  });
  const pids = who.map((each) =>
    each === "app" ? processWith(appVariable, holder.pod) : sidecarOf(holder.pod),
  );
  for (const pid of pids) await standStill(pid);
  const next = await stage.until(waiter, "granted");
  for (const pid of pids) process.kill(pid, "SIGCONT");

  const lost = await stage.until(holder, "lost");
  assert.deepEqual(
    [lost.id, lost.status, lost.code, lost.reason],
    [grant, 409, "grant_lost", reason],
  );
  const first = stage.record(holder);
  const laterMs = afterGuarantee(first, grant, next);
  const since = Date.parse(lost.since ?? "");
  tell(
    `${who.join(" and ")} stopped: the next was granted ${laterMs} ms after the last guarantee had ended`,
  );
  assert.ok(laterMs > 0, "it was granted within a guarantee");
  assert.ok(since <= lost.wall, `told since when: ${lost.since ?? "not"}`);
  assertNoLie([first, stage.record(waiter)]);
}
