/** Readers of one pod, who hold a lock together by one place, in virtual time. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import type { Acquired, AcquireRequest, GrantView } from "#core/lock/views.ts";
import { contendersOf } from "#core/lock/keys.ts";
import { forOneself, namespace, type Process } from "./process.ts";
import { processOf, quietStage } from "./quiet-stage.ts";
import { specOf } from "./schedule.ts";
import type { Stage } from "./stage.ts";

const lock = { pool: "documents", name: "42" } as const;
const shared = { mode: "shared" } as const;

async function readWriteStage(seed: string, pods: number, more: object = {}): Promise<Stage> {
  const stage = await quietStage(seed, pods);
  edit(stage, more);
  await stage.world.pass(1_000);
  return stage;
}

function edit(stage: Stage, more: object): void {
  const spec = specOf({
    ...{ mode: "ReadWrite", ttl: "1m", handover: { maxCount: 2, maxHold: "300ms" } },
    ...more,
  });
  stage.edit(stage.world.chance, () => [stage.documentOf("documents", spec)]);
}

async function asked(process: Process, more: Partial<AcquireRequest>): Promise<GrantView> {
  const request: AcquireRequest = { ...lock, ...forOneself, waitMs: 60_000, hold: "ttl", ...more };
  const answer = await process.acquire(request).answer;
  assert.ok(answer.kind === "answered" && answer.value.kind === "granted", JSON.stringify(answer));
  return answer.value.grant;
}

const reads = (stage: Stage, process: Process, more: Partial<AcquireRequest> = {}) =>
  stage.world.until(asked(process, { ...shared, waitMs: 0, ...more }));

const placesIn = (stage: Stage): number =>
  stage.server.keys.within(contendersOf(namespace, lock)).length;

function end(stage: Stage): void {
  kill(stage);
  assert.deepEqual(stage.history.violations, []);
}

function kill(stage: Stage): void {
  for (const process of stage.processes) process.kill();
}

async function microtasks(count: number): Promise<void> {
  for (let at = 0; at < count; at++) await Promise.resolve();
}

describe("the readers of a pod", () => {
  it("stand on one place, join it without a write, and take it along with the last of them", async () => {
    const stage = await readWriteStage("readers/one-place", 1);
    const process = processOf(stage, 0);
    const first = await reads(stage, process);
    const writes = stage.server.header.revision;
    const others = [await reads(stage, process), await reads(stage, process)];
    assert.equal(stage.server.header.revision, writes);
    assert.equal(placesIn(stage), 1);
    assert.equal(new Set([first, ...others].map(({ fence }) => fence)).size, 3);
    for (const { grantId } of [first, ...others]) {
      assert.equal(placesIn(stage), 1);
      await stage.world.until(process.release(grantId));
    }
    assert.equal(placesIn(stage), 0);
    end(stage);
  });

  it("wait on one place for as many as the pool allows, and on others behind it: no more pass a writer that came before", async () => {
    const handover = { maxCount: 2, maxHold: "300ms" };
    const stage = await readWriteStage("readers/queued", 3, { handover });
    const [holder, process, writer] = [0, 1, 2].map((at) => processOf(stage, at));
    assert.ok(holder !== undefined && process !== undefined && writer !== undefined);
    const first = await stage.world.until(asked(holder, {}));
    const order: string[] = [];
    const waits = async (who: Process, name: string, more: Partial<AcquireRequest>) => {
      const { grantId } = await asked(who, { waitMs: 600_000, ...more });
      order.push(name);
      await stage.pause(50);
      await who.release(grantId);
    };
    const all = [waits(process, "first", shared)];
    await stage.world.pass(500);
    all.push(waits(writer, "writer", {}));
    await stage.world.pass(500);
    for (let at = 1; at <= 40; at++) all.push(waits(process, "late", shared));
    await stage.world.pass(2_000);
    // Who came while the second was asked for share it, behind the writer.
    assert.equal(placesIn(stage), 4);
    await stage.world.until(holder.release(first.grantId));
    await stage.world.until(Promise.all(all), 60_000);
    assert.deepEqual(order.slice(0, 3).sort(), ["first", "late", "late"]);
    assert.equal(order[3], "writer");
    assert.equal(placesIn(stage), 0);
    end(stage);
  });

  it("let in as many more as the pool allows while a writer waits; then they come after it, together", async () => {
    const stage = await readWriteStage("readers/budget", 2);
    const [process, other] = [processOf(stage, 0), processOf(stage, 1)];
    const readers = [await reads(stage, process)];
    const writing = asked(other, {});
    await stage.world.pass(200);
    readers.push(await reads(stage, process), await reads(stage, process));
    const late = [1, 2].map(() => asked(process, { ...shared, waitMs: 50_000 }));
    await stage.world.pass(200);
    assert.equal(placesIn(stage), 3);
    for (const { grantId } of readers) await stage.world.until(process.release(grantId));
    const writer = await stage.world.until(writing);
    await stage.world.until(other.release(writer.grantId));
    const after = await stage.world.until(Promise.all(late));
    assert.equal(placesIn(stage), 1);
    for (const { fence } of after) assert.ok(BigInt(fence) > BigInt(writer.fence));
    end(stage);
  });

  it("all hear that their session is over before a writer is let in", async () => {
    const stage = await readWriteStage("readers/lost", 2);
    const [process, other] = [processOf(stage, 0), processOf(stage, 1)];
    const told: string[] = [];
    for (const { grantId } of [await reads(stage, process), await reads(stage, process)])
      process.kernel.locks.follow(grantId, { told: ({ kind }) => told.push(kind) });
    process.link.cut("answers");
    const writing = asked(other, {}).then(() => told.push("writer"));
    await stage.world.until(writing);
    assert.deepEqual(told, ["jeopardy", "jeopardy", "lost", "lost", "writer"]);
    end(stage);
  });

  it("are asked for the lock by force all, or the one whose fence is named", async () => {
    const stage = await readWriteStage("readers/forced", 1);
    const process = processOf(stage, 0);
    const one = await reads(stage, process);
    const other = await reads(stage, process);
    const forced = { ...lock, graceMs: 0, breakGuarantee: false, waitMs: 0 };
    await stage.world.until(process.forceRelease({ ...forced, fence: BigInt(one.fence) }));
    await stage.world.pass(500);
    assert.equal((await stage.world.until(process.renew(one.grantId))).kind, "refused");
    assert.equal((await stage.world.until(process.renew(other.grantId))).kind, "answered");
    await stage.world.until(process.forceRelease(forced));
    await stage.world.pass(500);
    assert.equal((await stage.world.until(process.renew(other.grantId))).kind, "refused");
    for (const each of stage.processes) each.kill();
  });

  for (const waitMs of [0, 5_000])
    it(`who come just after another, wait ${String(waitMs)}, are granted it too, at once`, async () => {
      const wrong: string[] = [];
      for (let apart = 0; apart < 30; apart++) {
        const stage = await readWriteStage(`readers/window/${String(waitMs)}/${String(apart)}`, 1);
        const process = processOf(stage, 0);
        await reads(stage, process);
        const request: AcquireRequest = {
          ...{ ...lock, ...forOneself, ...shared, waitMs, hold: "ttl" },
        };
        const told: { kind: string; atMs: number }[] = [];
        const beganMs = stage.world.nowMs;
        const ask = (): Promise<void> =>
          process.kernel.locks
            .acquire(request, undefined)
            .then(
              (acquired: Acquired) => acquired.kind,
              (error: unknown) => String(error),
            )
            .then((kind) => {
              told.push({ kind, atMs: stage.world.nowMs - beganMs });
            });
        const both = Promise.withResolvers<undefined>();
        stage.world.in(1, () => {
          process.runtime.deliver(() => {
            const first = ask();
            const second = microtasks(apart).then(ask);
            void Promise.all([first, second]).then(() => both.resolve(undefined));
          });
        });
        await stage.world.until(both.promise, 60_000);
        if (told.some(({ kind, atMs }) => kind !== "granted" || atMs > 100))
          wrong.push(`${String(apart)} apart: ${JSON.stringify(told)}`);
        kill(stage);
      }
      assert.deepEqual(wrong, []);
    });

  it("are not more than the budget lets in while a writer waits, when they come in one step", async () => {
    const stage = await readWriteStage("readers/one-step", 2);
    const [process, other] = [processOf(stage, 0), processOf(stage, 1)];
    await reads(stage, process);
    const writing = asked(other, {});
    await stage.world.pass(200);
    const request: AcquireRequest = {
      ...{ ...lock, ...forOneself, ...shared, waitMs: 0, hold: "ttl" },
    };
    const done = Promise.withResolvers<Acquired[]>();
    process.runtime.deliver(() => {
      const all = Array.from({ length: 50 }, () =>
        process.kernel.locks.acquire(request, undefined),
      );
      Promise.all(all).then(done.resolve, done.reject);
    });
    const told = await stage.world.until(done.promise);
    const granted = told.filter(({ kind }) => kind === "granted").length;
    void writing.catch(() => undefined);
    kill(stage);
    assert.ok(granted <= 2, `${String(granted)} joined, where 2 may`);
  });

  it("are not broken by the fence of one of them who is gone", async () => {
    const stage = await readWriteStage("readers/gone-fence", 2);
    const [process, other] = [processOf(stage, 0), processOf(stage, 1)];
    const one = await reads(stage, process);
    const next = await reads(stage, process);
    await stage.world.until(process.release(one.grantId));
    await stage.world.pass(5_000);
    const forced = { ...lock, graceMs: 0, breakGuarantee: true, waitMs: 0 };
    const answer = await stage.world.until(
      other.forceRelease({ ...forced, fence: BigInt(one.fence) }),
    );
    await stage.world.pass(500);
    const renewed = await stage.world.until(process.renew(next.grantId));
    kill(stage);
    assert.deepEqual(
      [answer.kind === "answered" && answer.value.outcome, renewed.kind],
      ["vacant", "answered"],
    );
  });

  it("are named rightly, and told as released, when one of them is asked for by his fence", async () => {
    const stage = await readWriteStage("readers/named", 2);
    const [process, other] = [processOf(stage, 0), processOf(stage, 1)];
    await reads(stage, process, { holder: "alice" });
    const bob = await reads(stage, process, { holder: "bob" });
    process.kernel.locks.follow(bob.grantId, {
      told: ({ kind }) => {
        if (kind === "revokeRequested") void process.kernel.locks.release(bob.grantId);
      },
    });
    await stage.world.pass(3_000);
    const forced = { ...lock, graceMs: 10_000, breakGuarantee: false, waitMs: 5_000 };
    const answer = await stage.world.until(
      other.forceRelease({ ...forced, fence: BigInt(bob.fence) }),
    );
    kill(stage);
    assert.ok(answer.kind === "answered");
    assert.deepEqual(
      [answer.value.outcome, answer.value.holders.map(({ holder, fence }) => [holder, fence])],
      // By name only the first is known to others.
      ["released", [["pod-a", bob.fence]]],
    );
  });

  it("who all were asked for by force and went are told as released, though others came", async () => {
    const stage = await readWriteStage("readers/released-others", 2);
    const [process, other] = [processOf(stage, 0), processOf(stage, 1)];
    const one = await reads(stage, process, { holder: "alice" });
    await stage.world.pass(3_000);
    const forced = { ...lock, graceMs: 10_000, breakGuarantee: false, waitMs: 5_000 };
    const asking = other.forceRelease(forced);
    await stage.world.pass(500);
    await reads(stage, process, { holder: "bob" });
    await stage.world.until(process.release(one.grantId));
    const answer = await stage.world.until(asking);
    kill(stage);
    assert.ok(answer.kind === "answered");
    assert.equal(answer.value.outcome, "released");
  });

  it("count each who waits once", async () => {
    const stage = await readWriteStage("readers/counted", 2, { limits: { waitersPerLock: 4 } });
    const [process, other] = [processOf(stage, 0), processOf(stage, 1)];
    await stage.world.until(asked(other, {}));
    for (const owner of ["a", "b"]) {
      void asked(process, { ...shared, owner }).catch(() => undefined);
      await stage.world.pass(300);
    }
    void asked(process, shared).catch(() => undefined);
    await stage.world.pass(300);
    // Three wait, and four may.
    const fourth = process.acquire({
      ...{ ...lock, ...forOneself, ...shared, waitMs: 1_000, hold: "ttl" },
    });
    const answer = await stage.world.until(fourth.answer);
    kill(stage);
    assert.ok(answer.kind === "answered" && answer.value.kind === "held", JSON.stringify(answer));
  });

  it("of whom one was lost long ago keep no writer waiting when the last of them went cleanly", async () => {
    const stage = await readWriteStage("readers/unclean-long-ago", 2, { lockDelay: "1m" });
    const [process, other] = [processOf(stage, 0), processOf(stage, 1)];
    await reads(stage, process, { ttlMs: 1_000 });
    const next = await reads(stage, process, { hold: "session" });
    await stage.world.pass(5 * 60_000);
    await stage.world.until(process.release(next.grantId));
    const beganMs = stage.world.nowMs;
    await stage.world.until(asked(other, { waitMs: 300_000 }));
    kill(stage);
    const waitedMs = stage.world.nowMs - beganMs;
    assert.ok(waitedMs < 5_000, `a writer waited ${String(waitedMs)} ms`);
  });

  it("let a writer in soon whose note came before the answer to their entry", async () => {
    const stage = await readWriteStage("readers/early-note", 2);
    const [process, other] = [processOf(stage, 0), processOf(stage, 1)];
    process.link.weather = { ...process.link.weather, answerMs: { min: 300, max: 300 } };
    const untilMs = stage.world.nowMs + 90_000;
    const read = async (): Promise<void> => {
      while (stage.world.nowMs < untilMs) {
        const { grantId } = await asked(process, { ...shared, waitMs: 600_000 });
        await stage.pause(500);
        if (process.isKilled) return;
        await process.release(grantId);
      }
    };
    const work = [read()];
    await stage.world.pass(50);
    const beganMs = stage.world.nowMs;
    const writing = asked(other, {});
    await stage.world.pass(450);
    process.link.weather = { ...process.link.weather, answerMs: { min: 0.2, max: 1 } };
    work.push(read());
    await stage.world.until(writing);
    const waitedMs = stage.world.nowMs - beganMs;
    kill(stage);
    await Promise.allSettled(work);
    assert.ok(waitedMs < 3_000, `a writer waited ${String(waitedMs)} ms`);
  });

  it("asked for by force are counted each", async () => {
    const stage = await readWriteStage("readers/forced-count", 2);
    const [process, other] = [processOf(stage, 0), processOf(stage, 1)];
    for (let at = 0; at < 3; at++) await reads(stage, process);
    await stage.world.pass(3_000);
    const forced = { ...lock, graceMs: 0, breakGuarantee: false, waitMs: 0 };
    await stage.world.until(other.forceRelease(forced));
    await stage.world.pass(500);
    const counted = other.kernel.locks.counters().get(lock.pool)?.forced;
    const revoked = process.kernel.locks.counters().get(lock.pool)?.revoked;
    kill(stage);
    assert.deepEqual([counted], [3], `${String(counted)} counted, ${String(revoked)} revoked`);
  });
});
