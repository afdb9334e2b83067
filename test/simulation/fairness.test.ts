import assert from "node:assert/strict";
import { forOneself, type Process } from "./process.ts";
import { processOf, quietStage } from "./quiet-stage.ts";
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
