/** What is seen of a lock while the delay after a loss runs: who was lost, and until when nobody is granted it. */
import assert from "node:assert/strict";
import type { Acquired, AcquireRequest, LockDemand } from "#core/lock/views.ts";
import type { SeenEvent } from "#sidecar/lock-onlooker.ts";
import type { LockView } from "#sidecar/lock-views.ts";
import { asSet } from "./client.ts";
import { forOneself, type Process } from "./process.ts";
import { processOf, quietStage } from "./quiet-stage.ts";
import { specOf } from "./schedule.ts";
import type { Stage } from "./stage.ts";

const lock = { pool: "orders", name: "42" } as const;
const delayMs = 60_000;
/** Far longer than a session. */
const patienceMs = 30_000;

async function delayStage(seed: string, more: object = {}): Promise<Stage> {
  const stage = await quietStage(`lock-delay/${seed}`, 3);
  const spec = specOf({ mode: "Mutex", lockDelay: "1m", ...more });
  stage.edit(stage.world.chance, () => [stage.documentOf("orders", spec)]);
  await stage.world.pass(1_000);
  return stage;
}

function asks(process: Process, more: Partial<AcquireRequest> = {}): Promise<Acquired> {
  const request = { ...lock, ...forOneself, waitMs: 0, hold: "session", ...more } as const;
  return process.acquire(request).answer.then((answer) => {
    assert.ok(answer.kind === "answered", JSON.stringify(answer));
    return answer.value;
  });
}

const look = (stage: Stage, process: Process): Promise<LockView> =>
  stage.world.until(process.kernel.views.look(lock.pool, lock.name));

/** In words: `vacant`, `holder alice`, each with `, lost alice` while a delay runs. */
async function eventsAt(stage: Stage, process: Process): Promise<string[]> {
  const told: string[] = [];
  const unobserve = process.kernel.views.observe(lock, (event: SeenEvent) => {
    const { kind } = event;
    const holders = kind === "holder" ? event.holders.map(({ holder }) => ` ${holder}`) : [];
    const lost = kind === "unseen" ? [] : event.lost.map(({ holder }) => `, lost ${holder}`);
    told.push([kind, ...holders, ...lost].join(""));
  });
  ends.push(unobserve);
  await stage.world.pass(1_000);
  return told;
}
const ends: (() => void)[] = [];

/** Its holder is killed; as soon as `looker` sees the loss, what it sees. */
async function lossSeen(stage: Stage, holder: Process, looker: Process): Promise<LockView> {
  holder.kill();
  const lateMs = stage.world.nowMs + patienceMs;
  for (;;) {
    const seen = await look(stage, looker);
    if (seen.lost.length > 0) return seen;
    assert.ok(stage.world.nowMs < lateMs, "the loss was never seen");
    await stage.world.pass(100);
  }
}

function end(stage: Stage): void {
  for (const unobserve of ends.splice(0)) unobserve();
  for (const process of stage.processes) process.kill();
  assert.deepEqual(stage.history.violations, []);
}

describe("a lock whose holder was lost, while the delay runs", () => {
  it("is shown with who was lost, and until when; the same at each look, and no more when it is over", async () => {
    const stage = await delayStage("shown");
    const [holder, looker] = [processOf(stage, 0), processOf(stage, 1)];
    const held = await stage.world.until(asks(holder, { holder: "alice" }));
    assert.ok(held.kind === "granted");
    assert.deepEqual((await look(stage, looker)).lost, []);
    const first = await lossSeen(stage, holder, looker);
    const seenMs = stage.world.nowMs;
    const [lost] = first.lost;
    assert.deepEqual(
      [lost?.holder, lost?.fence, lost?.mode, lost?.permits],
      ["alice", held.grant.fence, "exclusive", 1],
    );
    assert.deepEqual([first.holders, first.waiters, first.lost.length], [[], [], 1]);
    await stage.world.pass(delayMs / 2);
    const [again] = (await look(stage, looker)).lost;
    // The wall clock counts whole milliseconds.
    assert.ok(Math.abs((again?.until ?? 0) - (lost?.until ?? 0)) <= 1, "it was counted anew");
    // From the first look on, by the clock of who looked.
    await stage.world.pass(delayMs / 2 - (stage.world.nowMs - seenMs - delayMs / 2) - 500);
    assert.equal((await look(stage, looker)).lost.length, 1, "not shown to its end");
    await stage.world.pass(1_000);
    assert.deepEqual((await look(stage, looker)).lost, []);
    // The marker is there until it is swept, and keeps nobody out.
    assert.equal((await stage.world.until(asks(looker))).kind, "granted");
    end(stage);
  });

  it("counts from the first look for who asks after it, too: he is granted when the look said, not later", async () => {
    const stage = await delayStage("counted");
    const [holder, looker] = [processOf(stage, 0), processOf(stage, 1)];
    await stage.world.until(asks(holder));
    const { lost } = await lossSeen(stage, holder, looker);
    const seenMs = stage.world.nowMs;
    assert.equal(lost.length, 1);
    await stage.world.pass(delayMs / 2);
    const waits = asks(looker, { waitMs: delayMs });
    assert.equal((await stage.world.until(waits)).kind, "granted");
    const tookMs = stage.world.nowMs - seenMs;
    assert.ok(tookMs > delayMs - 500 && tookMs < delayMs + 2_000, String(tookMs));
    end(stage);
  });

  it("shows as waiting who comes next, single or a set, and as holder only when he is granted", async () => {
    for (const isSet of [false, true]) {
      const stage = await delayStage(`next/${String(isSet)}`);
      const [holder, looker, next] = [0, 1, 2].map((at) => processOf(stage, at));
      assert.ok(holder !== undefined && looker !== undefined && next !== undefined);
      await stage.world.until(asks(holder));
      const locks: LockDemand[] = ["42", "43"].map((name) => ({ ...lock, name, ...forOneself }));
      const terms = { ...lock, ...forOneself, waitMs: 3 * delayMs, hold: "session" } as const;
      const waits = asks(next, isSet ? asSet(terms, locks) : terms);
      await stage.world.pass(1_000);
      await lossSeen(stage, holder, looker);
      for (const process of [looker, next]) {
        const seen = await look(stage, process);
        assert.deepEqual(
          [seen.holders, seen.reserved, seen.waiters.length, seen.lost.length],
          [[], [], 1, 1],
        );
        const pool = await stage.world.until(
          process.kernel.views.list({ pool: lock.pool, limit: 10 }),
        );
        const listed = pool.locks.find(({ name }) => name === lock.name);
        assert.deepEqual([listed?.holders, listed?.lost.length], [[], 1]);
        assert.equal(pool.totals.held, 0);
      }
      assert.equal((await stage.world.until(waits)).kind, "granted");
      for (const process of [looker, next]) {
        const seen = await look(stage, process);
        assert.deepEqual([seen.holders.length, seen.waiters, seen.lost], [1, [], []]);
      }
      end(stage);
    }
  });

  it("is told to observers with who was lost, and with the next as holder only when he is granted", async () => {
    const stage = await delayStage("observed");
    const [holder, looker, next] = [0, 1, 2].map((at) => processOf(stage, at));
    assert.ok(holder !== undefined && looker !== undefined && next !== undefined);
    const told = [await eventsAt(stage, looker), await eventsAt(stage, next)];
    await stage.world.until(asks(holder, { holder: "alice" }));
    await stage.world.pass(1_000);
    const waits = asks(next, { holder: "bob", waitMs: 3 * delayMs });
    await stage.world.pass(1_000);
    await lossSeen(stage, holder, looker);
    await stage.world.pass(delayMs / 2);
    const begun = ["vacant", "holder alice", "vacant, lost alice"];
    for (const events of told) assert.deepEqual(events, begun);
    const bob = await stage.world.until(waits);
    assert.ok(bob.kind === "granted");
    await stage.world.pass(2_000);
    for (const events of told) assert.deepEqual(events, [...begun, "holder bob"]);
    await stage.world.until(next.release(bob.grant.grantId));
    await stage.world.pass(2_000);
    for (const events of told) assert.deepEqual(events, [...begun, "holder bob", "vacant"]);
    end(stage);
  });

  it("is told to observers to be vacant, with nobody lost, when the delay is over and nobody waits", async () => {
    const stage = await delayStage("observed/over");
    const [holder, looker] = [processOf(stage, 0), processOf(stage, 1)];
    const told = await eventsAt(stage, looker);
    for (const name of ["alice", "bob", "carol"]) {
      const granted = await stage.world.until(asks(holder, { holder: name }));
      assert.ok(granted.kind === "granted");
      if (name === "carol") break;
      await stage.world.until(holder.release(granted.grant.grantId));
    }
    await stage.world.pass(1_000);
    // Each is told, also of those that were over by the time of the look.
    const each = ["alice", "bob"].flatMap((name) => [`holder ${name}`, "vacant"]);
    assert.deepEqual(told, ["vacant", ...each, "holder carol"]);
    await lossSeen(stage, holder, looker);
    await stage.world.pass(delayMs + 3_000);
    assert.deepEqual(told.slice(6), ["vacant, lost carol", "vacant"]);
    end(stage);
  });

  it("is told to who begins to look on also where the rules name no delay any more", async () => {
    const stage = await delayStage("observed/lowered");
    const [holder, looker, next] = [0, 1, 2].map((at) => processOf(stage, at));
    assert.ok(holder !== undefined && looker !== undefined && next !== undefined);
    await stage.world.until(asks(holder, { holder: "alice" }));
    const waits = asks(next, { holder: "bob", waitMs: 3 * delayMs });
    await stage.world.pass(1_000);
    stage.edit(stage.world.chance, () => [stage.documentOf("orders", specOf({ mode: "Mutex" }))]);
    await stage.world.pass(1_000);
    holder.kill();
    await stage.world.pass(patienceMs);
    const told = await eventsAt(stage, looker);
    assert.deepEqual(told, ["vacant, lost alice"]);
    assert.equal((await stage.world.until(waits)).kind, "granted");
    await stage.world.pass(2_000);
    assert.deepEqual(told, ["vacant, lost alice", "holder bob"]);
    end(stage);
  });

  it("is listed with who was lost, also where nobody asks for it", async () => {
    const stage = await delayStage("listed");
    const [holder, looker] = [processOf(stage, 0), processOf(stage, 1)];
    await stage.world.until(asks(holder));
    const { lost } = await lossSeen(stage, holder, looker);
    const list = () => stage.world.until(looker.kernel.views.list({ pool: lock.pool, limit: 10 }));
    const { locks, totals } = await list();
    assert.deepEqual(
      locks.map(({ name, lost: [first] }) => [name, first?.until]),
      [[lock.name, lost[0]?.until]],
    );
    assert.deepEqual([totals.names, totals.held, totals.waiting], [1, 0, 0]);
    await stage.world.pass(delayMs + 1_000);
    assert.deepEqual((await list()).locks, []);
    end(stage);
  });
});
