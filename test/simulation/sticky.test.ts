/** A lock that stays with the pod that used it: taken again without a write, and given up as soon as somebody asks. */
import assert from "node:assert/strict";
import { contendersOf } from "#core/lock/keys.ts";
import { asSet } from "./client.ts";
import { readContender } from "#core/lock/contender.ts";
import { forOneself, namespace, type Process } from "./process.ts";
import { processOf, quietStage } from "./quiet-stage.ts";
import { specOf } from "./schedule.ts";
import type { Stage } from "./stage.ts";

const lock = { pool: "orders", name: "42" } as const;

async function stickyStage(seed: string, more: object = {}): Promise<Stage> {
  const stage = await quietStage(`sticky/${seed}`, 2);
  const spec = specOf({ mode: "Mutex", stickyFor: "1m", ...more });
  stage.edit(stage.world.chance, () => [stage.documentOf("orders", spec)]);
  await stage.world.pass(1_000);
  return stage;
}

async function acquire(stage: Stage, process: Process, waitMs: number): Promise<string> {
  const request = { ...lock, ...forOneself, waitMs, hold: "ttl" } as const;
  const answer = await stage.world.until(process.acquire(request).answer);
  assert.ok(answer.kind === "answered", JSON.stringify(answer));
  return answer.value.kind === "granted" ? answer.value.grant.grantId : answer.value.kind;
}

async function pair(stage: Stage, process: Process): Promise<void> {
  await stage.world.until(process.release(await acquire(stage, process, 0)));
}

function standing(stage: Stage) {
  return stage.server.keys.within(contendersOf(namespace, lock)).map(readContender);
}

function end(stage: Stage): void {
  for (const process of stage.processes) process.kill();
  assert.deepEqual(stage.history.violations, []);
}

describe("a lock that stays with its pod", () => {
  it("is taken again and again on one place, with no write in between", async () => {
    const stage = await stickyStage("again");
    const process = processOf(stage, 0);
    for (let pairs = 0; pairs < 10; pairs++) await pair(stage, process);
    assert.equal(stage.record.everMade.size, 1);
    assert.equal(standing(stage).length, 1);
    end(stage);
  });

  it("is shown as idle, not as held, and goes when its time is over", async () => {
    const stage = await stickyStage("idle");
    const [process, other] = [processOf(stage, 0), processOf(stage, 1)];
    await pair(stage, process);
    await stage.world.pass(2_000);
    assert.deepEqual(
      standing(stage).map(({ idle }) => idle),
      [true],
    );
    for (const looker of [process, other]) {
      const seen = await stage.world.until(looker.kernel.views.look("orders", "42"));
      assert.deepEqual([seen.holders.length, seen.waiters.length, seen.idle.length], [0, 0, 1]);
    }
    await stage.world.pass(60_000);
    assert.deepEqual(standing(stage), []);
    end(stage);
  });

  for (const waitMs of [0, 5_000])
    it(`is given up at once to another pod that asks with a wait of ${String(waitMs)} ms`, async () => {
      const stage = await stickyStage(`asked/${String(waitMs)}`);
      await pair(stage, processOf(stage, 0));
      await stage.world.pass(2_000);
      const beganMs = stage.world.nowMs;
      assert.match(await acquire(stage, processOf(stage, 1), waitMs), /^[0-9a-f]{20}-/);
      assert.ok(stage.world.nowMs - beganMs < 500, "the other pod waited long");
      end(stage);
    });

  it("is given up to a set that only tries", async () => {
    const stage = await stickyStage("set");
    const [process, other] = [processOf(stage, 0), processOf(stage, 1)];
    await pair(stage, process);
    await stage.world.pass(2_000);
    const locks = ["42", "43"].map((name) => ({ ...lock, name, ...forOneself }));
    const terms = { ...lock, ...forOneself, waitMs: 0, hold: "ttl" } as const;
    const answer = await stage.world.until(other.acquire(asSet(terms, locks)).answer);
    assert.ok(answer.kind === "answered" && answer.value.kind === "granted");
    end(stage);
  });

  it("goes soon after its pool is gone, or says no more that it stays", async () => {
    const stage = await stickyStage("unsaid");
    await pair(stage, processOf(stage, 0));
    stage.edit(stage.world.chance, () => [stage.documentOf("orders", specOf({ mode: "Mutex" }))]);
    await stage.world.pass(7_000);
    assert.deepEqual(standing(stage), []);
    end(stage);
  });

  it("is taken anew where a rewrite shows that somebody took its place away", async () => {
    const stage = await stickyStage("taken");
    const [process, other] = [processOf(stage, 0), processOf(stage, 1)];
    await pair(stage, process);
    // As after a forced release whose note was lost.
    for (const { key } of standing(stage))
      stage.server.txn({ compares: [], then: [{ kind: "delete", key }], otherwise: [] });
    await stage.world.pass(2_000);
    assert.deepEqual(standing(stage), []);
    await acquire(stage, other, 0);
    assert.equal(await acquire(stage, process, 0), "held");
    end(stage);
  });

  for (const afterMs of [0, 50, 400])
    it(`is given up to who only tries ${String(afterMs)} ms after it was given back, before others are told that it is idle`, async () => {
      const stage = await stickyStage(`soon/${String(afterMs)}`);
      const [process, other] = [processOf(stage, 0), processOf(stage, 1)];
      await pair(stage, process);
      await pair(stage, process);
      await stage.world.pass(afterMs);
      assert.match(await acquire(stage, other, 0), /^[0-9a-f]{20}-/);
      end(stage);
    });

  it("keeps out who only tries while it is held, and says so at once", async () => {
    const stage = await stickyStage("held");
    await acquire(stage, processOf(stage, 0), 0);
    await stage.world.pass(2_000);
    const beganMs = stage.world.nowMs;
    assert.equal(await acquire(stage, processOf(stage, 1), 0), "held");
    assert.ok(stage.world.nowMs - beganMs < 500, "it was refused late");
    end(stage);
  });

  it("has no marker while nobody uses it: the pod that dies then delays nobody", async () => {
    const stage = await stickyStage("marked", { lockDelay: "1h" });
    await pair(stage, processOf(stage, 0));
    await stage.world.pass(2_000);
    processOf(stage, 0).kill();
    assert.match(await acquire(stage, processOf(stage, 1), 60_000), /^[0-9a-f]{20}-/);
    end(stage);
  });
});
