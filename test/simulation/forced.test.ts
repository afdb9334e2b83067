/** Forced releases where what is seen of the lock is not how it is now. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import type { GrantView } from "#core/lock/views.ts";
import { forOneself, type Process } from "./process.ts";
import { processOf, quietStage } from "./quiet-stage.ts";

const lock = { pool: "orders", name: "42" } as const;

async function granted(process: Process): Promise<GrantView> {
  const { answer } = process.acquire({ ...lock, ...forOneself, waitMs: 60_000, hold: "session" });
  const told = await answer;
  assert.ok(told.kind === "answered" && told.value.kind === "granted", JSON.stringify(told));
  return told.value.grant;
}

describe("a forced release", () => {
  it("is told as released by nobody whose copy of the lock is older than what was asked for", async () => {
    const stage = await quietStage("forced/stale-copy", 2);
    const { world } = stage;
    const [one, two] = [processOf(stage, 0), processOf(stage, 1)];
    const unobserve = two.kernel.locks.observe(lock, { told: () => undefined });
    await world.pass(200);
    two.link.holdWatches();
    const grant = await world.until(granted(one));
    const forced = { ...lock, graceMs: 60_000, breakGuarantee: false, waitMs: 2_000 };
    const answer = await world.until(two.forceRelease(forced));
    assert.ok(answer.kind === "answered" && answer.value.outcome === "requested");
    const renewed = await world.until(one.renew(grant.grantId));
    assert.equal(renewed.kind, "answered");
    unobserve();
    for (const process of stage.processes) process.kill();
  });

  it("that breaks a guarantee by a fence ends nobody to whom the lock has just been handed over", async () => {
    const stage = await quietStage("forced/handed-over", 2);
    const { world } = stage;
    const [one, two] = [processOf(stage, 0), processOf(stage, 1)];
    const first = await world.until(granted(one));
    const next = granted(one);
    // His place has just told of the other who waits, and tells of nothing more for a second.
    await world.pass(1_200);
    const released = one.release(first.grantId);
    const second = await world.until(next);
    await world.until(released);
    assert.ok(BigInt(second.fence) > BigInt(first.fence));
    const fence = BigInt(first.fence);
    const forced = { ...lock, graceMs: 0, breakGuarantee: true, waitMs: 0, fence };
    const answer = await world.until(two.forceRelease(forced));
    assert.ok(answer.kind === "answered" && answer.value.outcome === "vacant");
    const renewed = await world.until(one.renew(second.grantId));
    assert.equal(renewed.kind, "answered");
    for (const process of stage.processes) process.kill();
  });

  it("waits no longer than its caller, and is carried out all the same", async () => {
    const stage = await quietStage("forced/caller-gone", 2);
    const { world } = stage;
    const [one, two] = [processOf(stage, 0), processOf(stage, 1)];
    const { grantId } = await world.until(granted(one));
    const told: string[] = [];
    one.kernel.locks.follow(grantId, { told: ({ kind }) => told.push(kind) });
    const caller = new AbortController();
    let isOver = false;
    const forced = { ...lock, graceMs: 5_000, breakGuarantee: false, waitMs: 600_000 };
    const asking = two.kernel.locks.forceRelease(forced, caller.signal).finally(() => {
      isOver = true;
    });
    await world.pass(1_000);
    assert.equal(isOver, false);
    caller.abort(new Error("the client went away"));
    await world.pass(1);
    assert.equal(isOver, true);
    assert.equal((await asking).outcome, "requested");
    await world.pass(5_000);
    assert.deepEqual(told, ["revokeRequested", "lost"]);
    for (const process of stage.processes) process.kill();
  });

  it("is refused where a thousand of this pod were asked within a minute, and made again after it", async () => {
    const stage = await quietStage("forced/too-many", 2);
    const { world } = stage;
    const [one, two] = [processOf(stage, 0), processOf(stage, 1)];
    await world.until(granted(one));
    const forced = { ...lock, graceMs: 3_600_000, breakGuarantee: false, waitMs: 0 };
    const force = () => world.until(two.forceRelease(forced));
    for (let times = 0; times < 1_000; times += 1) {
      const answer = await force();
      assert.ok(answer.kind === "answered" && answer.value.outcome === "requested");
    }
    const refused = await force();
    assert.ok(refused.kind === "refused", JSON.stringify(refused));
    assert.equal(refused.code, "too_many_requests");
    assert.deepEqual(refused.facts, { limit: "forcedReleases", max: 1_000 });
    await world.pass(61_000);
    const again = await force();
    assert.ok(again.kind === "answered" && again.value.outcome === "requested");
    for (const process of stage.processes) process.kill();
  });
});
