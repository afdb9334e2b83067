/** Permits of a semaphore: who waits for them is let in soon, in order, also while there come to be fewer or more. */
import assert from "node:assert/strict";
import { Followings } from "#core/lock/following.ts";
import { contendersOf, lockOf } from "#core/lock/keys.ts";
import { Line } from "#core/lock/line.ts";
import type { Acquired, AcquireRequest } from "#core/lock/views.ts";
import type { KeyValue } from "#core/store.ts";
import { Tasks } from "#core/tasks.ts";
import { asSet } from "./client.ts";
import { namespace, type Answer, type Process } from "./process.ts";
import { calm } from "#test/support/etcd-model/weather.ts";
import { processOf, quietStage } from "./quiet-stage.ts";
import { specOf } from "./schedule.ts";
import type { Stage } from "./stage.ts";

const soonMs = 500;
/** Longer than a session lives without etcd. */
const sessionGoneMs = 15_000;

/** So long the names of a pool are as they were counted. */
const countedForMs = 10_000;

async function stageOf(seed: string, permits: number, more: object = {}): Promise<Stage> {
  const stage = await quietStage(seed, 2);
  edit(stage, permits, more);
  await stage.world.pass(soonMs);
  return stage;
}

function edit(stage: Stage, permits: number, more: object = {}): void {
  const spec = specOf({ mode: "Semaphore", permits, ttl: "1m", ...more });
  stage.edit(stage.world.chance, () => [stage.documentOf("permits", spec)]);
}

const requestOf = (permits: number, waitMs: number): AcquireRequest => ({
  ...{ pool: "permits", name: "42", mode: "exclusive", permits },
  ...{ waitMs, hold: "ttl" },
});

async function granted(stage: Stage, process: Process, permits: number): Promise<string> {
  const answer = await stage.world.until(process.acquire(requestOf(permits, 5_000)).answer);
  return idOf(answer);
}

function idOf(answer: Answer<Acquired>): string {
  assert.ok(answer.kind === "answered" && answer.value.kind === "granted", JSON.stringify(answer));
  return answer.value.grant.grantId;
}

function end(stage: Stage): void {
  for (const process of stage.processes) process.kill();
}

describe("permits", () => {
  it("let in who waits as soon as enough are free, in the order of coming", async () => {
    const stage = await stageOf("permits/order", 3);
    const [one, other] = [processOf(stage, 0), processOf(stage, 1)];
    const first = await granted(stage, one, 2);
    await granted(stage, other, 1);
    const large = other.acquire(requestOf(2, 60_000));
    await stage.world.pass(soonMs);
    // One would fit if it were not for the larger one before it.
    const small = one.acquire(requestOf(1, 60_000));
    await stage.world.pass(soonMs);
    const beganMs = stage.world.nowMs;
    await stage.world.until(one.release(first));
    const largeId = idOf(await stage.world.until(large.answer));
    assert.ok(stage.world.nowMs - beganMs < soonMs, "it was let in only by a look of its own");
    await stage.world.until(other.release(largeId));
    idOf(await stage.world.until(small.answer));
    assert.ok(stage.world.nowMs - beganMs < 2 * soonMs, "it was let in only by a look of its own");
    end(stage);
  });

  it("are kept from nobody by who only tried, once he was told", async () => {
    const stage = await stageOf("permits/tried", 3);
    const [one, other] = [processOf(stage, 0), processOf(stage, 1)];
    await granted(stage, one, 2);
    one.link.weather = { ...calm, requestMs: { min: 100, max: 100 } };
    const tried = await stage.world.until(one.acquire(requestOf(2, 0)).answer);
    assert.ok(tried.kind === "answered" && tried.value.kind === "held", JSON.stringify(tried));
    idOf(await stage.world.until(other.acquire(requestOf(1, 0)).answer));
    end(stage);
  });

  it("tell who only tried nothing certain while his place may stand: etcd did not answer to its end", async () => {
    for (const isSet of [false, true]) {
      const stage = await stageOf(`permits/place-may-stand/${String(isSet)}`, 3);
      const [one, other] = [processOf(stage, 0), processOf(stage, 1)];
      await granted(stage, one, 2);
      const asked = requestOf(2, 0);
      const locks = ["42", "43"].map((name) => ({ ...asked, name }));
      one.link.plan("write", "answered", "timedOutNotDone");
      const tried = await stage.world.until(
        one.acquire(isSet ? asSet(asked, locks) : asked).answer,
      );
      assert.ok(tried.kind === "answered" && tried.value.kind === "unknown", JSON.stringify(tried));
      // It goes all the same.
      await stage.world.pass(sessionGoneMs);
      idOf(await stage.world.until(other.acquire(requestOf(1, 0)).answer));
      end(stage);
    }
  });

  it("that there come to be more let in who waits", async () => {
    const stage = await stageOf("permits/more", 1);
    const [one, other] = [processOf(stage, 0), processOf(stage, 1)];
    await granted(stage, one, 1);
    const waiting = other.acquire(requestOf(1, 60_000));
    await stage.world.pass(soonMs);
    edit(stage, 2);
    const beganMs = stage.world.nowMs;
    idOf(await stage.world.until(waiting.answer));
    assert.ok(stage.world.nowMs - beganMs < 5_000);
    end(stage);
  });

  it("that there come to be fewer end a wait that can never be granted, and the next goes on", async () => {
    const stage = await stageOf("permits/fewer", 3);
    const [one, other] = [processOf(stage, 0), processOf(stage, 1)];
    const first = await granted(stage, one, 2);
    const hopeless = other.acquire(requestOf(3, 60_000));
    await stage.world.pass(soonMs);
    const behind = one.acquire(requestOf(1, 60_000));
    await stage.world.pass(soonMs);
    edit(stage, 2);
    const heard = await stage.world.until(hopeless.answer);
    assert.ok(heard.kind === "refused" && heard.code === "permits_exceed", JSON.stringify(heard));
    // What was let in before stays.
    assert.equal((await stage.world.until(one.look(first))).kind, "answered");
    await stage.world.until(one.release(first));
    idOf(await stage.world.until(behind.answer));
    end(stage);
  });

  it("that there come to be fewer leave who holds more in the sight of its own sidecar", async () => {
    const stage = await stageOf("permits/seen", 3);
    const one = processOf(stage, 0);
    await granted(stage, one, 2);
    await granted(stage, one, 1);
    edit(stage, 1);
    await stage.world.pass(soonMs);
    const view = await stage.world.until(one.kernel.views.look("permits", "42"));
    assert.deepEqual(
      view.holders.map(({ permits }) => permits),
      [2, 1],
    );
    assert.deepEqual(view.waiters, []);
    end(stage);
  });

  it("that there come to be fewer, while a caller waits for a session, are not let out to it alone", async () => {
    const stage = await stageOf("permits/alone", 3);
    const [one, other] = [processOf(stage, 0), processOf(stage, 1)];
    other.link.cut("both");
    await stage.world.pass(sessionGoneMs);
    const waiting = other.acquire(requestOf(3, 60_000));
    await stage.world.pass(soonMs);
    edit(stage, 2);
    await stage.world.pass(soonMs);
    other.link.heal();
    const heard = await stage.world.until(waiting.answer);
    assert.ok(heard.kind === "refused" && heard.code === "permits_exceed", JSON.stringify(heard));
    await granted(stage, one, 2);
    end(stage);
  });

  it("let in who begins to wait after it was told that they are free", async () => {
    const stage = await stageOf("permits/late", 1);
    const [one, other] = [processOf(stage, 0), processOf(stage, 1)];
    const first = await granted(stage, one, 1);
    const second = other.acquire(requestOf(1, 60_000));
    await stage.world.pass(soonMs);
    const third = other.acquire(requestOf(1, 60_000));
    await stage.world.pass(soonMs);
    const [, next, last] = stage.server.keys.within(
      contendersOf(namespace, { pool: "permits", name: "42" }),
    );
    assert.ok(next !== undefined && last !== undefined);
    const { runtime, kernel } = other;
    const tasks = new Tasks((name, error) => {
      throw new Error(name, { cause: error });
    });
    const parts = { runtime, tasks, store: kernel.store, mirror: kernel.specs };
    const line = new Line({
      ...{ mirror: kernel.specs, followings: new Followings(parts) },
      lock: lockOf(namespace, { pool: "permits", name: "42" }),
    });
    const { signal } = new AbortController();
    const waits = (contender: KeyValue) => {
      const told = Promise.withResolvers<undefined>();
      runtime.deliver(() => {
        const mine = { key: contender.key, created: contender.createRevision };
        line.until(mine, undefined, signal).then(() => {
          told.resolve(undefined);
        }, told.reject);
      });
      return told.promise;
    };
    // As long as somebody waits the line is followed; this one has a look at the end.
    const lastIsIn = waits(last);
    await stage.world.pass(soonMs);
    await stage.world.until(one.release(first));
    const nextId = idOf(await stage.world.until(second.answer));
    await stage.world.pass(5_000);
    const beganMs = stage.world.nowMs;
    await stage.world.until(waits(next));
    const waitedMs = stage.world.nowMs - beganMs;
    assert.ok(waitedMs < 100, `he was told only after ${String(waitedMs)} ms`);
    await stage.world.until(other.release(nextId));
    await stage.world.until(lastIsIn, soonMs);
    idOf(await stage.world.until(third.answer));
    await stage.world.until(tasks.close());
    end(stage);
  });

  it("are waited for by the first who came, when there come to be more than may wait", async () => {
    const stage = await stageOf("permits/waiters", 1);
    const [one, other] = [processOf(stage, 0), processOf(stage, 1)];
    const held = await granted(stage, one, 1);
    const waits = [];
    for (const process of [one, other, one, other]) {
      waits.push(process.acquire(requestOf(1, 60_000)).answer);
      await stage.world.pass(soonMs);
    }
    edit(stage, 1, { limits: { waitersPerLock: 2 } });
    const [first, second, ...late] = waits;
    assert.ok(first !== undefined && second !== undefined);
    for (const answer of await stage.world.until(Promise.all(late)))
      assert.ok(answer.kind === "refused" && answer.code === "too_many_waiters", answer.kind);
    await stage.world.until(one.release(held));
    await stage.world.until(one.release(idOf(await stage.world.until(first))));
    idOf(await stage.world.until(second));
    end(stage);
  });

  it("cost few reads of all who wait, while these wait and when the resource changes", async () => {
    const waiting = 200;
    const stage = await stageOf("permits/reads", 1, { handover: { maxCount: 3 } });
    const process = processOf(stage, 0);
    await granted(stage, process, 1);
    for (let asked = 0; asked < waiting; asked++) {
      process.acquire(requestOf(1, 600_000));
      await stage.world.pass(1);
    }
    await stage.world.pass(soonMs);
    const { store } = process.kernel;
    const read = store.read.bind(store);
    let keys = 0;
    store.read = async (...asked) => {
      const outcome = await read(...asked);
      if (outcome.kind === "done") keys += outcome.value.ranges[0]?.keys.length ?? 0;
      return outcome;
    };
    await stage.world.pass(60_000);
    edit(stage, 1, { handover: { maxCount: 4 } });
    await stage.world.pass(5_000);
    assert.ok(keys < 10 * waiting, `${String(keys)} contenders were read`);
    end(stage);
  });

  it("that many hold count as one of the pool's names, also while these are counted", async () => {
    const stage = await stageOf("permits/names", 99, { limits: { names: 50 } });
    const process = processOf(stage, 0);
    for (let held = 0; held < 60; held++) await granted(stage, process, 1);
    await stage.world.pass(countedForMs);
    const tries = [];
    for (let at = 0; at < 40; at++) {
      tries.push(process.acquire({ ...requestOf(1, 0), name: `other-${String(at)}` }).answer);
      await stage.world.pass(0.2);
    }
    for (const answer of await stage.world.until(Promise.all(tries))) idOf(answer);
    end(stage);
  });

  it("more than there are are refused at once", async () => {
    const stage = await stageOf("permits/never", 2);
    const asked = processOf(stage, 0).acquire(requestOf(3, 1_000));
    const heard = await stage.world.until(asked.answer);
    assert.ok(heard.kind === "refused" && heard.code === "permits_exceed", JSON.stringify(heard));
    end(stage);
  });
});
