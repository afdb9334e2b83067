/** Sets of locks: who waits for one is served although others are busy with its locks, or change under it. */
import assert from "node:assert/strict";
import type { Acquired, AcquireRequest, LockDemand } from "#core/lock/views.ts";
import { contendersOf, lockOf } from "#core/lock/keys.ts";
import type { KeyRange } from "#core/store.ts";
import { exclusion } from "./checks/exclusion.ts";
import { places } from "./checks/places.ts";
import { asSet } from "./client.ts";
import { forOneself, namespace, type Answer, type Process } from "./process.ts";
import { processOf, quietStage } from "./quiet-stage.ts";
import { specOf } from "./schedule.ts";
import type { Stage } from "./stage.ts";

const soonMs = 500;
const terms = { waitMs: 60_000, hold: "ttl", ttlMs: 60_000 } as const;
const one = (name: string, pool = "orders"): LockDemand => ({ pool, name, ...forOneself });
const setOf = (...locks: LockDemand[]): AcquireRequest =>
  asSet({ ...one("", ""), ...terms }, locks);

function idOf(answer: Answer<Acquired>): string {
  assert.ok(answer.kind === "answered" && answer.value.kind === "granted", JSON.stringify(answer));
  return answer.value.grant.grantId;
}

async function granted(stage: Stage, process: Process, request: AcquireRequest): Promise<string> {
  return idOf(await stage.world.until(process.acquire(request).answer));
}

function end(stage: Stage): void {
  for (const process of stage.processes) process.kill();
  assert.deepEqual(stage.history.violations, []);
}

/** Two callers of one pod take the lock again and again, so that somebody of it always waits, until it is said to stop. */
function keepBusy(stage: Stage, process: Process, name: string): () => void {
  let busy = true;
  const work = async (): Promise<void> => {
    while (busy) {
      const answer = await process.acquire({ ...one(name), ...terms }).answer;
      if (answer.kind !== "answered" || answer.value.kind !== "granted") return;
      await stage.pause(20);
      await process.release(answer.value.grant.grantId);
    }
  };
  void work();
  void work();
  return () => {
    busy = false;
  };
}

describe("a set of locks", () => {
  for (const [whose, at] of [
    ["its own pod", 0],
    ["another pod", 1],
  ] as const)
    it(`is served soon although callers of ${whose} pass one of its locks on and on`, async () => {
      const stage = await quietStage(`sets/busy/${whose}`, 2);
      const stop = keepBusy(stage, processOf(stage, at), "42");
      await stage.world.pass(soonMs);
      const set = processOf(stage, 0);
      const beganMs = stage.world.nowMs;
      const id = await granted(stage, set, setOf(one("1"), one("42"), one("2")));
      // The budget is 300 ms or two hand-overs.
      assert.ok(stage.world.nowMs - beganMs < 1_000, `${stage.world.nowMs - beganMs} ms`);
      stop();
      await stage.world.until(set.release(id));
      end(stage);
    });

  it("stands in order with single callers: who comes after it waits for it, also where it is let in already", async () => {
    const stage = await quietStage("sets/order", 2);
    const [a, b] = [processOf(stage, 0), processOf(stage, 1)];
    const first = await granted(stage, a, { ...one("2"), ...terms });
    const set = b.acquire(setOf(one("1"), one("2")));
    await stage.world.pass(soonMs);
    const late = a.acquire({ ...one("1"), ...terms });
    await stage.world.pass(5_000);
    await stage.world.until(a.release(first));
    const setId = idOf(await stage.world.until(set.answer));
    const heard = Promise.race([late.answer, stage.pause(2_000).then(() => "waits" as const)]);
    assert.equal(await stage.world.until(heard), "waits");
    await stage.world.until(b.release(setId));
    idOf(await stage.world.until(late.answer));
    end(stage);
  });

  it("that lost one of its places takes new ones in all", async () => {
    const stage = await quietStage("sets/gone", 2);
    const [a, b] = [processOf(stage, 0), processOf(stage, 1)];
    const held = await granted(stage, a, { ...one("2"), ...terms });
    const set = b.acquire(setOf(one("1"), one("2")));
    await stage.world.pass(soonMs);
    const [own] = stage.server.keys.within(contendersOf(namespace, one("1")));
    assert.ok(own !== undefined);
    // By hand, as with etcdctl.
    stage.server.txn({ compares: [], then: [{ kind: "delete", key: own.key }], otherwise: [] });
    await stage.world.pass(soonMs);
    await stage.world.until(a.release(held));
    const id = idOf(await stage.world.until(set.answer));
    const made = [...stage.record.everMade.values()].filter(({ key }) =>
      key.startsWith(contendersOf(namespace, one("2")).key),
    );
    assert.equal(made.length, 3);
    await stage.world.until(b.release(id));
    end(stage);
  });

  it("is let in where it was let in before, though there come to be fewer permits", async () => {
    const stage = await quietStage("sets/permits", 2);
    const [a, b] = [processOf(stage, 0), processOf(stage, 1)];
    const edit = async (permits: number) => {
      const pools = [
        stage.documentOf("orders", specOf({ mode: "Mutex", ttl: "1m" })),
        stage.documentOf("licences", specOf({ mode: "Semaphore", permits, ttl: "1m" })),
      ];
      stage.edit(stage.world.chance, () => pools);
      await stage.world.pass(soonMs);
    };
    await edit(3);
    const two = { ...one("l", "licences"), permits: 2 };
    const held = await granted(stage, a, { ...one("1"), ...terms });
    const set = b.acquire(setOf(two, one("1")));
    await stage.world.pass(soonMs);
    await edit(1);
    await stage.world.until(a.release(held));
    const id = idOf(await stage.world.until(set.answer));
    // Nobody can have permits beside it, and who wants more than there are is told so.
    const never = await stage.world.until(a.acquire(setOf(two, one("1"))).answer);
    assert.ok(never.kind === "refused" && never.code === "permits_exceed", JSON.stringify(never));
    assert.equal(never.facts["field"], "locks[0].permits");
    await stage.world.until(b.release(id));
    for (const process of stage.processes) process.kill();
  });

  it("is ended where a pool of it is deleted, and leaves nothing", async () => {
    const stage = await quietStage("sets/deleted", 2);
    const [a, b] = [processOf(stage, 0), processOf(stage, 1)];
    const spec = specOf({ mode: "Mutex", ttl: "1m" });
    const pools = ["orders", "leaders"].map((name) => stage.documentOf(name, spec));
    stage.edit(stage.world.chance, () => pools);
    await stage.world.pass(soonMs);
    const held = await granted(stage, a, { ...one("1"), ...terms });
    const set = b.acquire(setOf(one("1"), one("2"), one("3", "leaders")));
    await stage.world.pass(soonMs);
    stage.edit(stage.world.chance, () => pools.slice(0, 1));
    const editedMs = stage.world.nowMs;
    const heard = await stage.world.until(set.answer);
    assert.ok(heard.kind === "refused" && heard.code === "pool_not_found", JSON.stringify(heard));
    assert.ok(stage.world.nowMs - editedMs < 5_000, "told when its wait was over");
    await stage.world.pass(soonMs);
    for (const lock of [one("2"), one("3", "leaders")])
      assert.deepEqual(stage.server.keys.within(contendersOf(namespace, lock)), []);
    await stage.world.until(a.release(held));
    end(stage);
  });

  it("waits for the delay after a loss in each of its locks, and marks its own", async () => {
    const stage = await quietStage("sets/delay", 2);
    const [a, b] = [processOf(stage, 0), processOf(stage, 1)];
    const spec = specOf({ mode: "Mutex", ttl: "1m", lockDelay: "4s" });
    stage.edit(stage.world.chance, () => [stage.documentOf("orders", spec)]);
    await stage.world.pass(soonMs);
    await granted(stage, a, setOf(one("1"), one("2")));
    a.kill();
    stage.history.letGo(stage.world.nowMs, () => true);
    const killedMs = stage.world.nowMs;
    await granted(stage, b, setOf(one("2"), one("3")));
    const tookMs = stage.world.nowMs - killedMs;
    // The lease was last kept alive within a third of its time.
    assert.ok(tookMs > 6_000 + 4_000 && tookMs < 10_000 + 4_000 + 2_000, `${tookMs} ms`);
    const marks = stage.server.keys
      .within({ key: "/holdfast/v1/data/default/marks/", end: "/holdfast/v1/data/default/marks0" })
      .map(({ key }) => key.split("/").at(-2));
    assert.deepEqual(marks, ["1", "2", "3"]);
    for (const process of stage.processes) process.kill();
  });

  it("is not granted on a place that was taken by force while the marker of another was put", async () => {
    const stage = await quietStage("sets/broken", 2);
    const [set, other] = [processOf(stage, 0), processOf(stage, 1)];
    const delayed = specOf({ mode: "Mutex", lockDelay: "1s" });
    const plain = specOf({ mode: "Mutex", admin: "Anyone" });
    stage.edit(stage.world.chance, () => [
      stage.documentOf("orders", delayed),
      stage.documentOf("leaders", plain),
    ]);
    await stage.world.pass(1_000);
    const broken = one("2", "leaders");
    const asked = set.acquire(setOf(one("1"), broken)).answer;
    const isPlaced = () => stage.server.keys.within(contendersOf(namespace, broken)).length > 0;
    for (let tries = 0; tries < 1_000 && !isPlaced(); tries++) await stage.world.pass(0.1);
    // Its marker waits on the way; what others write is told all the same.
    set.link.cut("requests");
    const force = { ...broken, graceMs: 0, breakGuarantee: true, waitMs: 0 };
    const forced = await stage.world.until(other.forceRelease(force));
    assert.ok(forced.kind === "answered" && forced.value.outcome === "broken");
    const mine = await granted(stage, other, { ...broken, ...terms });
    await stage.world.pass(100);
    set.link.heal();
    await stage.world.pass(1_000);
    stage.history.letGo(stage.world.nowMs, ({ id }) => id === mine);
    await stage.world.until(other.release(mine));
    idOf(await stage.world.until(asked));
    for (const process of stage.processes) process.kill();
    // The forced release itself is told as the delete of somebody else's place.
    const rules = stage.history.violations.map(({ rule }) => rule);
    assert.deepEqual(rules, ["own places"]);
    assert.deepEqual(exclusion(stage.history), []);
    assert.deepEqual(places(stage.history), []);
  });

  it("has a marker in each of its pools with a delay, also in one that came to have it while another marker was put", async () => {
    const stage = await quietStage("sets/delay-comes", 2);
    const [set, other] = [processOf(stage, 0), processOf(stage, 1)];
    const edit = (...delays: readonly string[]) => {
      stage.edit(stage.world.chance, () =>
        ["orders", "leaders"].map((name, at) =>
          stage.documentOf(name, specOf({ mode: "Mutex", lockDelay: delays[at] ?? "0s" })),
        ),
      );
    };
    edit("1s", "0s");
    await stage.world.pass(1_000);
    const locks = [one("1"), one("2", "leaders")];
    const asked = set.acquire(setOf(...locks)).answer;
    const within = (range: KeyRange) => stage.server.keys.within(range).length;
    const isPlaced = () => locks.every((lock) => within(contendersOf(namespace, lock)) > 0);
    for (let tries = 0; tries < 1_000 && !isPlaced(); tries++) await stage.world.pass(0.1);
    // Its marker waits on the way; what the other publishes is told all the same.
    set.link.cut("requests");
    edit("1s", "1s");
    await stage.world.until(other.view("leaders", "2"));
    await stage.world.pass(400);
    set.link.heal();
    const mine = idOf(await stage.world.until(asked));
    assert.deepEqual(
      locks.map((lock) => within(lockOf(namespace, lock).marks)),
      [1, 1],
    );
    await stage.world.until(set.release(mine));
    end(stage);
  });

  it("is told to observers as a holder when it is granted, and not while it waits", async () => {
    const stage = await quietStage("sets/observed", 3);
    const [holds, set, looks] = [0, 1, 2].map((at) => processOf(stage, at));
    assert.ok(holds !== undefined && set !== undefined && looks !== undefined);
    const id = await granted(stage, holds, { ...one("1"), ...terms });
    const told: string[] = [];
    const unobserve = looks.kernel.views.observe(one("2"), (event) => {
      const who = event.kind === "holder" ? event.holders.map(({ holder }) => holder) : [];
      told.push([event.kind, ...who].join(" "));
    });
    await stage.world.pass(500);
    const waiting = set.acquire({ ...setOf(one("1"), one("2")), holder: "set" });
    await stage.world.pass(3_000);
    const { holders, reserved } = await stage.world.until(looks.kernel.views.look("orders", "2"));
    assert.deepEqual([holders.length, reserved.length], [0, 1]);
    assert.deepEqual(told, ["vacant"]);
    await stage.world.until(holds.release(id));
    idOf(await stage.world.until(waiting.answer));
    await stage.world.pass(1_500);
    assert.deepEqual(told, ["vacant", "holder set"]);
    unobserve();
    end(stage);
  });

  it("is asked for a lock by force when it was granted, also just now, and not while it waits", async () => {
    const stage = await quietStage("sets/forced", 3);
    const [holds, set, forces] = [0, 1, 2].map((at) => processOf(stage, at));
    assert.ok(holds !== undefined && set !== undefined && forces !== undefined);
    const id = await granted(stage, holds, { ...one("1"), ...terms });
    const waiting = set.acquire(setOf(one("1"), one("2"))).answer;
    await stage.world.pass(3_000);
    const force = async (name: string) => {
      const asked = { ...one(name), graceMs: 0, breakGuarantee: false, waitMs: 30_000 };
      const answer = await stage.world.until(forces.forceRelease(asked));
      assert.ok(answer.kind === "answered", JSON.stringify(answer));
      return [answer.value.outcome, answer.value.holders.length];
    };
    assert.deepEqual(await force("2"), ["vacant", 0]);
    await stage.world.until(holds.release(id));
    idOf(await stage.world.until(waiting));
    assert.deepEqual(await force("2"), ["released", 1]);
    // Its places were taken just now, and do not tell yet what came of them.
    await granted(stage, set, setOf(one("3"), one("4")));
    assert.deepEqual(await force("3"), ["released", 1]);
    end(stage);
  });

  it("takes new places when one is taken from it by force while it waits", async () => {
    const stage = await quietStage("sets/taken", 3);
    const [holds, set, forces] = [0, 1, 2].map((at) => processOf(stage, at));
    assert.ok(holds !== undefined && set !== undefined && forces !== undefined);
    const id = await granted(stage, holds, { ...one("1"), ...terms });
    const waiting = set.acquire(setOf(one("1"), one("2"))).answer;
    await stage.world.pass(500);
    const next = forces.acquire({ ...one("2"), ...terms }).answer;
    await stage.world.pass(500);
    const force = { ...one("2"), graceMs: 0, breakGuarantee: true, waitMs: 0 };
    const forced = await stage.world.until(forces.forceRelease(force));
    assert.ok(forced.kind === "answered");
    assert.deepEqual([forced.value.outcome, forced.value.holders], ["broken", []]);
    const passed = idOf(await stage.world.until(next));
    stage.history.letGo(stage.world.nowMs, (grant) => [id, passed].includes(grant.id));
    await stage.world.until(holds.release(id));
    await stage.world.until(forces.release(passed));
    idOf(await stage.world.until(waiting));
    for (const process of stage.processes) process.kill();
    // The forced release itself is told as the delete of somebody else's place.
    assert.deepEqual(
      stage.history.violations.map(({ rule }) => rule),
      ["own places"],
    );
    assert.deepEqual(exclusion(stage.history), []);
  });
});
