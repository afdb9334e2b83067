import assert from "node:assert/strict";
import type { AcquireRequest } from "#core/lock/views.ts";
import { forOneself, type Process } from "./process.ts";
import { processOf, quietStage } from "./quiet-stage.ts";
import { specOf } from "./schedule.ts";
import type { Stage } from "./stage.ts";

/** A waiter looks by itself every 38 s at the latest; then it takes a hand-over or two. */
const fairWithinMs = 45_000;
const patientMs = 120_000;

/** Takes the lock again and again, so that with a second of them somebody always waits in that pod. */
async function keepBusy(stage: Stage, process: Process): Promise<void> {
  while (stage.world.nowMs < patientMs) {
    const request = {
      pool: "orders",
      name: "42",
      ...forOneself,
      waitMs: 5_000,
      hold: "session",
    } as const;
    const answer = await process.acquire(request).answer;
    if (answer.kind !== "answered" || answer.value.kind !== "granted") continue;
    await stage.pause(20);
    await process.release(answer.value.grant.grantId);
  }
}

describe("a pod that waits behind a busy one", () => {
  for (const fate of ["overloaded", "requestLost", "timedOutNotDone"] as const)
    it(`is served although its note met the fate ${fate}`, async () => {
      const stage = await quietStage(`fairness/${fate}`, 2);
      const [busy, other] = [processOf(stage, 0), processOf(stage, 1)];
      const work = Promise.all([
        keepBusy(stage, busy),
        keepBusy(stage, busy),
        keepBusy(stage, busy),
      ]);
      await stage.world.pass(500);
      other.link.plan("write", "answered", fate);
      const request = {
        pool: "orders",
        name: "42",
        ...forOneself,
        waitMs: 100_000,
        hold: "ttl",
      } as const;
      const startedMs = stage.world.nowMs;
      const answer = await stage.world.until(other.acquire(request).answer);
      assert.ok(
        answer.kind === "answered" && answer.value.kind === "granted",
        JSON.stringify(answer),
      );
      const tookMs = stage.world.nowMs - startedMs;
      assert.ok(tookMs < fairWithinMs, `it took ${String(tookMs)} ms`);
      await stage.world.until(work, patientMs);
      for (const process of stage.processes) process.kill();
      assert.deepEqual(stage.history.violations, []);
    });
});

describe("pods that wait for a lock with maxCount 0", () => {
  it("are served one caller each, in the order of their places: callers of a pod share one", async () => {
    const stage = await quietStage("fairness/order", 3);
    const handover = { maxCount: 0, maxHold: "1s" };
    stage.edit(stage.world.chance, () => [
      stage.documentOf("orders", specOf({ mode: "Mutex", ttl: "1m", handover })),
    ]);
    await stage.world.pass(1_000);
    const order: string[] = [];
    const use = async (process: Process, name: string): Promise<void> => {
      const asked = { ...forOneself, waitMs: 600_000, hold: "session" } as const;
      const request: AcquireRequest = { pool: "orders", name: "42", ...asked };
      const answer = await process.acquire(request).answer;
      assert.ok(answer.kind === "answered" && answer.value.kind === "granted");
      order.push(name);
      await stage.pause(200);
      await process.release(answer.value.grant.grantId);
    };
    const [a, b, c] = [processOf(stage, 0), processOf(stage, 1), processOf(stage, 2)];
    const all: Promise<void>[] = [];
    for (const [process, name] of [
      [a, "a"],
      [b, "b1"],
      [b, "b2"],
      [b, "b3"],
      [c, "c"],
    ] as const) {
      all.push(use(process, name));
      await stage.world.pass(20);
    }
    await stage.world.until(Promise.all(all));
    for (const process of stage.processes) process.kill();
    // b2 and b3 came before c; their pod's place went to b1, and its next one stands behind that of c.
    assert.deepEqual(order, ["a", "b1", "c", "b2", "b3"]);
    assert.deepEqual(stage.history.violations, []);
  });
});
