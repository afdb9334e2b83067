/** What holders and observers are told, and when, in virtual time. */
import assert from "node:assert/strict";
import type { GrantEvent, LockEvent } from "#core/lock/events.ts";
import type { AcquireRequest, GrantView } from "#core/lock/views.ts";
import { forOneself, type Process } from "./process.ts";
import { processOf, quietStage } from "./quiet-stage.ts";
import type { Stage } from "./stage.ts";

const lock = { pool: "orders", name: "42" } as const;

/** What happened, in order. */
type Told = string[];

/** Once the world runs. */
async function asked(process: Process, more: Partial<AcquireRequest> = {}): Promise<GrantView> {
  const request: AcquireRequest = { ...lock, ...forOneself, waitMs: 60_000, hold: "ttl", ...more };
  const answer = await process.acquire(request).answer;
  assert.ok(answer.kind === "answered" && answer.value.kind === "granted", JSON.stringify(answer));
  return answer.value.grant;
}

function granted(
  stage: Stage,
  process: Process,
  more: Partial<AcquireRequest> = {},
): Promise<GrantView> {
  return stage.world.until(asked(process, more));
}

function listen({ kernel }: Process, { grantId }: GrantView, told: Told): void {
  const hear = (event: GrantEvent): void => {
    told.push(event.kind === "lost" ? `lost: ${event.why}` : event.kind);
  };
  kernel.locks.follow(grantId, { told: hear });
}

/** Another process waits, and what it is granted is told among the rest. */
async function waits(process: Process, told: Told): Promise<void> {
  await asked(process);
  told.push("next");
}

function end(stage: Stage): void {
  for (const process of stage.processes) process.kill();
  assert.deepEqual(stage.history.violations, []);
}

describe("the events of a grant, in virtual time", () => {
  it("tell of the end of a ttl before the next is granted", async () => {
    const stage = await quietStage("events/expired", 2);
    const told: Told = [];
    const grant = await granted(stage, processOf(stage, 0), { ttlMs: 500 });
    listen(processOf(stage, 0), grant, told);
    await stage.world.until(waits(processOf(stage, 1), told));
    assert.deepEqual(told, ["lost: expired", "next"]);
    end(stage);
  });

  it("tell of jeopardy, of the way back, and of the loss before the next is granted", async () => {
    const stage = await quietStage("events/jeopardy", 2);
    const [one, two] = [processOf(stage, 0), processOf(stage, 1)];
    const told: Told = [];
    const grant = await granted(stage, one, { hold: "session" });
    listen(one, grant, told);
    one.link.cut("answers");
    await stage.world.pass(6_000);
    assert.deepEqual(told, ["jeopardy"]);
    one.link.heal();
    await stage.world.pass(4_000);
    assert.deepEqual(told, ["jeopardy", "recovered"]);
    one.link.cut("answers");
    await stage.world.until(waits(two, told));
    assert.deepEqual(told, ["jeopardy", "recovered", "jeopardy", "lost: sessionLost", "next"]);
    end(stage);
  });

  it("are closed by their caller: that is a release, and the next need not wait for what was stated", async () => {
    const stage = await quietStage("events/closed", 2);
    const told: Told = [];
    const grant = await granted(stage, processOf(stage, 0), { hold: "connection" });
    listen(processOf(stage, 0), grant, told);
    const next = waits(processOf(stage, 1), told);
    const closedMs = stage.world.nowMs;
    stage.history.letGo(closedMs, ({ id }) => id === grant.grantId);
    await stage.world.until(processOf(stage, 0).hangUp(grant.grantId));
    await stage.world.until(next);
    assert.deepEqual(told, ["released", "next"]);
    assert.ok(stage.world.nowMs - closedMs < 1_000, "the close was no release");
    end(stage);
  });

  it("are closed by us: the next waits for the end of what was stated", async () => {
    const stage = await quietStage("events/slow", 2);
    const told: Told = [];
    const grant = await granted(stage, processOf(stage, 0), { hold: "connection" });
    listen(processOf(stage, 0), grant, told);
    const next = waits(processOf(stage, 1), told);
    const closedMs = stage.world.nowMs;
    processOf(stage, 0).kernel.locks.streamClosed(grant.grantId, "slow");
    await stage.world.until(next);
    assert.deepEqual(told, ["lost: slow", "next"]);
    assert.ok(stage.world.nowMs - closedMs > grant.guaranteedForMs - 2_000);
    end(stage);
  });

  it("tell of a forced release, which frees the lock when the grace and all that was stated are over", async () => {
    const stage = await quietStage("events/forced", 2);
    const [one, two] = [processOf(stage, 0), processOf(stage, 1)];
    const told: Told = [];
    const grant = await granted(stage, one, { hold: "session" });
    assert.ok(grant.guaranteedForMs > 5_000);
    listen(one, grant, told);
    const grantedMs = stage.world.nowMs;
    const forced = { ...lock, graceMs: 2_000, breakGuarantee: false, waitMs: 0 };
    const asked = await stage.world.until(two.forceRelease(forced));
    assert.ok(asked.kind === "answered" && asked.value.outcome === "requested");
    await stage.world.pass(500);
    assert.deepEqual(told, ["revokeRequested"]);
    const statedMs = stage.world.nowMs;
    const renewed = await stage.world.until(one.renew(grant.grantId));
    assert.ok(renewed.kind === "answered");
    assert.ok(renewed.value.guaranteedForMs <= 1_500, "more was guaranteed than the grace leaves");
    await stage.world.until(waits(two, told));
    assert.deepEqual(told, ["revokeRequested", "lost: revoked", "next"]);
    assert.ok(stage.world.nowMs - statedMs > renewed.value.guaranteedForMs);
    const passedMs = stage.world.nowMs - grantedMs;
    assert.ok(passedMs > grant.guaranteedForMs - 100, "it was freed within a stated guarantee");
    end(stage);
  });

  it("tell of a guarantee that was broken, and nothing is granted on that place any more", async () => {
    const stage = await quietStage("events/broken", 2);
    const [one, two] = [processOf(stage, 0), processOf(stage, 1)];
    const told: Told = [];
    const grant = await granted(stage, one);
    listen(one, grant, told);
    const behind = asked(one);
    await stage.world.pass(100);
    // What was promised is void by the administrator's word.
    stage.history.letGo(stage.world.nowMs, ({ id }) => id === grant.grantId);
    const forced = { ...lock, graceMs: 0, breakGuarantee: true, waitMs: 0 };
    const answer = await stage.world.until(two.forceRelease(forced));
    assert.ok(answer.kind === "answered" && answer.value.outcome === "broken");
    const brokenMs = stage.world.nowMs;
    const next = await stage.world.until(behind);
    // By the note: that its own rewrite finds the place gone comes up to a second later.
    assert.ok(stage.world.nowMs - brokenMs < 200, "it was told late");
    assert.deepEqual(told, ["lost: broken"]);
    // The one write of Holdfast that touches another session's place.
    const touched = stage.history.violations.splice(0).map(({ rule }) => rule);
    assert.deepEqual(touched, ["own places"]);
    assert.ok(BigInt(next.fence) >> 16n > BigInt(grant.fence) >> 16n);
    end(stage);
  });
});

describe("the events of a lock, in virtual time", () => {
  it("are of now again after the watch was silent: nothing is trusted for ever", async () => {
    const stage = await quietStage("events/observed", 2);
    const [one, two] = [processOf(stage, 0), processOf(stage, 1)];
    const told: Told = [];
    const hear = (event: LockEvent): void => {
      told.push(event.kind === "holder" ? (event.holders[0]?.holder ?? "") : event.kind);
    };
    const grant = await granted(stage, one, { holder: "first", hold: "session" });
    const end_ = two.kernel.locks.observe(lock, { told: hear });
    await stage.world.pass(100);
    assert.deepEqual(told, ["first"]);
    two.link.cut("answers");
    await stage.world.until(one.release(grant.grantId));
    await stage.world.pass(20_000);
    assert.equal(told.at(-1), "unseen");
    two.link.heal();
    await stage.world.pass(20_000);
    assert.deepEqual(told, ["first", "unseen", "vacant"]);
    end_();
    await granted(stage, one);
    assert.deepEqual(told, ["first", "unseen", "vacant"]);
    end(stage);
  });
});
