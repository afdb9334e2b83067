/** Writes that are guarded by a grant, held up on their way, in virtual time. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import type { AcquireRequest, GrantView } from "#core/lock/views.ts";
import { guardedWritesMax } from "#core/lock/guards.ts";
import { contendersOf } from "#core/lock/keys.ts";
import { Refusal } from "#core/refusal.ts";
import type { Fate } from "#test/support/etcd-model/weather.ts";
import { calm } from "#test/support/etcd-model/weather.ts";
import { guarded } from "./checks/guarded.ts";
import { guardedRoot } from "./etcd-record.ts";
import type { GuardedWrite } from "./history.ts";
import { forOneself, namespace, type Process } from "./process.ts";
import { processOf, quietStage } from "./quiet-stage.ts";
import { specOf } from "./schedule.ts";
import type { Stage } from "./stage.ts";

const lock = { pool: "accounts", name: "42" } as const;
const handover = { maxCount: 16, maxHold: "500ms" };
/** Longer than any way takes. */
const soonMs = 20;

async function stageOf(seed: string, pods = 1, more: object = {}): Promise<Stage> {
  const stage = await quietStage(`guarded/${seed}`, pods);
  const spec = specOf({ mode: "Mutex", ttl: "1m", handover, ...more });
  stage.edit(stage.world.chance, () => [stage.documentOf(lock.pool, spec)]);
  await stage.world.pass(1_000);
  return stage;
}

async function acquired(process: Process, more: Partial<AcquireRequest> = {}): Promise<GrantView> {
  const request: AcquireRequest = { ...lock, ...forOneself, waitMs: 60_000, hold: "session" };
  const told = await process.acquire({ ...request, ...more }).answer;
  assert.ok(told.kind === "answered" && told.value.kind === "granted", JSON.stringify(told));
  return told.value.grant;
}

/** It is on its way for so long; what is sent after it is not. */
async function writeHeld(
  stage: Stage,
  grant: GrantView,
  forMs: number,
): Promise<{ readonly written: Promise<GuardedWrite> }> {
  const process = processOf(stage, 0);
  process.link.weather = { ...calm, requestMs: { min: forMs, max: forMs } };
  const written = process.writeGuarded(grant);
  await stage.world.pass(soonMs);
  process.link.weather = calm;
  return { written };
}

/** Etcd gives up waiting for it, and says so; it comes three seconds later. */
async function writeUnanswered(stage: Stage, grant: GrantView): Promise<GuardedWrite> {
  const { link } = processOf(stage, 0);
  link.weather = { ...calm, lateMs: { min: 3_000, max: 3_000 } };
  link.plan("write", "timedOutThenDone" satisfies Fate);
  const write = await stage.world.until(processOf(stage, 0).writeGuarded(grant));
  link.weather = calm;
  assert.deepEqual([write.answer, write.effects.length], ["unknown", 0]);
  return write;
}

const placesIn = ({ server }: Stage): number =>
  server.keys.within(contendersOf(namespace, lock)).length;

const contenderOf = ({ history }: Stage, { grantId }: GrantView): string | undefined =>
  history.grant(grantId)?.contender;

function end(stage: Stage): void {
  for (const process of stage.processes) process.kill();
  assert.deepEqual([...stage.history.violations, ...guarded(stage.history)], []);
}

describe("a guarded write that is under way", () => {
  it("is waited for by the next local caller, who is granted the lock on the same place", async () => {
    const stage = await stageOf("waited for");
    const { world } = stage;
    const process = processOf(stage, 0);
    const first = await world.until(acquired(process));
    const { written } = await writeHeld(stage, first, 300);
    const next = acquired(process);
    await world.pass(soonMs);
    const released = process.release(first.grantId);
    const second = await world.until(next);
    const write = await world.until(written);
    assert.equal((await world.until(released)).kind, "answered");
    assert.equal(write.answer, "done");
    assert.equal(contenderOf(stage, second), contenderOf(stage, first));
    assert.ok(Number(write.effects[0]?.step) < Number(stage.history.grant(second.grantId)?.step));
    end(stage);
  });

  it("makes the next caller take a new place where it takes longer than handover.maxHold", async () => {
    const stage = await stageOf("longer");
    const { world } = stage;
    const process = processOf(stage, 0);
    const first = await world.until(acquired(process));
    const { written } = await writeHeld(stage, first, 1_500);
    const next = acquired(process);
    await world.pass(soonMs);
    void process.release(first.grantId);
    const second = await world.until(next);
    assert.notEqual(contenderOf(stage, second), contenderOf(stage, first));
    assert.ok(BigInt(second.fence) > BigInt(first.fence));
    await world.until(written);
    assert.equal(placesIn(stage), 1);
    end(stage);
  });

  it("has no effect any more where its answer is lost: the next caller takes a new place at once", async () => {
    const stage = await stageOf("unanswered");
    const { world, server } = stage;
    const process = processOf(stage, 0);
    const first = await world.until(acquired(process));
    const write = await writeUnanswered(stage, first);
    const beganMs = world.nowMs;
    const next = acquired(process);
    await world.pass(soonMs);
    void process.release(first.grantId);
    const second = await world.until(next);
    assert.ok(world.nowMs - beganMs < 100, "it was waited for");
    assert.notEqual(contenderOf(stage, second), contenderOf(stage, first));
    await world.pass(10_000);
    assert.deepEqual(write.effects, []);
    assert.equal(server.keys.get(`${guardedRoot}accounts/42`), undefined);
    end(stage);
  });

  it("takes effect late, under a grant that goes on without its answer", async () => {
    const stage = await stageOf("late");
    const { world } = stage;
    const first = await world.until(acquired(processOf(stage, 0)));
    const write = await writeUnanswered(stage, first);
    await world.pass(10_000);
    assert.equal(write.effects.length, 1);
    end(stage);
  });

  it("keeps no other pod waiting: its place goes, and with it its effect", async () => {
    const stage = await stageOf("other pod", 2);
    const { world } = stage;
    const [process, other] = [processOf(stage, 0), processOf(stage, 1)];
    const first = await world.until(acquired(process));
    const next = acquired(other);
    await world.pass(500);
    const write = await writeUnanswered(stage, first);
    const beganMs = world.nowMs;
    void process.release(first.grantId);
    await world.until(next);
    assert.ok(world.nowMs - beganMs < 100, "it was waited for");
    await world.pass(10_000);
    assert.deepEqual(write.effects, []);
    end(stage);
  });

  it("is sent again where the session's epoch was raised meanwhile, and takes effect once", async () => {
    const stage = await stageOf("raised");
    const { world } = stage;
    const process = processOf(stage, 0);
    const first = await world.until(acquired(process));
    const { written } = await writeHeld(stage, first, 300);
    const session = process.kernel.sessions.current;
    assert.ok(session !== undefined);
    await world.until(session.leaveEpoch(session.epoch));
    const write = await world.until(written);
    assert.deepEqual([write.answer, write.effects.length, session.raises], ["done", 1, 1]);
    end(stage);
  });
});

describe("an unused lock that stays with its pod", () => {
  it("does so when its guarded writes are answered, and only then is told to be released", async () => {
    const stage = await stageOf("sticky", 1, { stickyFor: "1m" });
    const { world } = stage;
    const process = processOf(stage, 0);
    const first = await world.until(acquired(process));
    const { written } = await writeHeld(stage, first, 300);
    await world.until(process.release(first.grantId));
    const write = await world.until(written);
    assert.equal(write.effects.length, 1);
    const second = await world.until(acquired(process));
    assert.equal(contenderOf(stage, second), contenderOf(stage, first));
    end(stage);
  });

  it("does not where one of them has no answer", async () => {
    const stage = await stageOf("sticky/unanswered", 1, { stickyFor: "1m" });
    const { world } = stage;
    const process = processOf(stage, 0);
    const first = await world.until(acquired(process));
    const write = await writeUnanswered(stage, first);
    await world.until(process.release(first.grantId));
    assert.equal(placesIn(stage), 0);
    await world.pass(10_000);
    assert.deepEqual(write.effects, []);
    end(stage);
  });
});

describe("one of several readers", () => {
  it("is told that he has released when what he guarded can take effect no more, and the others stay", async () => {
    const stage = await stageOf("readers", 1, { mode: "ReadWrite" });
    const { world } = stage;
    const process = processOf(stage, 0);
    const shared = { mode: "shared" } as const;
    const one = await world.until(acquired(process, shared));
    const other = await world.until(acquired(process, shared));
    assert.equal(contenderOf(stage, one), contenderOf(stage, other));
    const write = await writeUnanswered(stage, one);
    const answer = await world.until(process.release(one.grantId));
    assert.deepEqual(answer, { kind: "answered", value: "released" });
    await world.pass(10_000);
    assert.deepEqual(write.effects, []);
    assert.equal((await world.until(process.renew(other.grantId))).kind, "answered");
    end(stage);
  });
});

describe("a guarded write", () => {
  const put = { kind: "putDurable", key: `${guardedRoot}x`, value: Buffer.from("x") } as const;
  const write = { when: [], then: [put], otherwise: [] };
  const refusalOf = (work: Promise<unknown>): Promise<Refusal> =>
    work.then(
      () => assert.fail("it was taken"),
      (error: unknown) => {
        assert.ok(error instanceof Refusal, String(error));
        return error;
      },
    );

  it("is refused where its grant is released, or was given by another sidecar", async () => {
    const stage = await stageOf("refused", 2);
    const { world } = stage;
    const [process, other] = [processOf(stage, 0), processOf(stage, 1)];
    const { grantId } = await world.until(acquired(process));
    const elsewhere = await world.until(refusalOf(other.kernel.locks.writeGuarded(grantId, write)));
    assert.equal(elsewhere.code, "grant_not_found");
    await world.until(process.release(grantId));
    const over = await world.until(refusalOf(process.kernel.locks.writeGuarded(grantId, write)));
    assert.equal(over.code, "grant_lost");
    assert.equal(stage.server.keys.get(put.key), undefined);
    end(stage);
  });

  it("is refused where somebody took its grant's place away, which is lost then", async () => {
    const stage = await stageOf("taken");
    const { world, server } = stage;
    const process = processOf(stage, 0);
    const { grantId } = await world.until(acquired(process));
    for (const { key } of server.keys.within(contendersOf(namespace, lock)))
      server.txn({ compares: [], then: [{ kind: "delete", key }], otherwise: [] });
    const refusal = await world.until(refusalOf(process.kernel.locks.writeGuarded(grantId, write)));
    assert.deepEqual([refusal.code, refusal.facts["why"]], ["grant_lost", "broken"]);
    assert.equal(server.keys.get(put.key), undefined);
    await world.until(acquired(process));
    end(stage);
  });

  it("is refused where too many of its grant are under way, by the name of that limit", async () => {
    const stage = await stageOf("bounded");
    const { world } = stage;
    const { locks } = processOf(stage, 0).kernel;
    const { grantId } = await world.until(acquired(processOf(stage, 0)));
    const all = Promise.allSettled(
      Array.from({ length: guardedWritesMax + 1 }, () => locks.writeGuarded(grantId, write)),
    );
    const refused = (await world.until(all)).flatMap((one) =>
      one.status === "rejected" ? [one.reason as Refusal] : [],
    );
    assert.deepEqual(
      refused.map(({ status, facts }) => [status, facts["limit"]]),
      [[429, "guardedWrites"]],
    );
    assert.equal((await world.until(locks.writeGuarded(grantId, write))).kind, "done");
    end(stage);
  });
});
