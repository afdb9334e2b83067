/** Who waits behind somebody that goes without having told the holder that anybody waits. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import type { AcquireRequest } from "#core/lock/views.ts";
import { asSet } from "./client.ts";
import { calm } from "#test/support/etcd-model/weather.ts";
import { forOneself, type Process } from "./process.ts";
import { processOf, quietStage } from "./quiet-stage.ts";
import { generousSpec, specOf } from "./schedule.ts";
import type { Stage } from "./stage.ts";

const lock = { pool: "orders", name: "42" } as const;

async function keepBusy(stage: Stage, process: Process, untilMs: number): Promise<void> {
  while (stage.world.nowMs < untilMs) {
    const request = { ...lock, ...forOneself, waitMs: 600_000, hold: "session" } as const;
    const told = await process.acquire(request).answer;
    if (told.kind !== "answered" || told.value.kind !== "granted") return;
    await stage.pause(20);
    await process.release(told.value.grant.grantId);
  }
}

const ask = (more: Partial<AcquireRequest>): AcquireRequest => ({
  ...{ ...lock, ...forOneself, waitMs: 60_000, hold: "session" },
  ...more,
});

describe("who waits behind one that goes without a word", () => {
  for (const how of ["try", "leaves"] as const)
    it(`is let in within the budget of who holds, though the one before (${how}) went without a word`, async () => {
      const stage = await quietStage(`unheard/${how}`, 3);
      const [busy, tries, waits] = [0, 1, 2].map((at) => processOf(stage, at));
      assert.ok(busy !== undefined && tries !== undefined && waits !== undefined);
      const untilMs = stage.world.nowMs + 90_000;
      const work = [1, 2, 3].map(() => keepBusy(stage, busy, untilMs));
      await stage.world.pass(2_000);
      // Its place stands for a while: to enter, to look, and to leave take their time.
      tries.link.weather = {
        ...calm,
        requestMs: { min: 60, max: 60 },
        answerMs: { min: 60, max: 60 },
      };
      const tried = tries.acquire(ask({ waitMs: how === "try" ? 0 : 60_000 }));
      await stage.world.pass(100);
      const beganMs = stage.world.nowMs;
      const waiting = waits.acquire(ask({}));
      await stage.world.pass(20);
      if (how === "leaves") tried.leave();
      const answer = await stage.world.until(waiting.answer);
      const waitedMs = stage.world.nowMs - beganMs;
      assert.ok(
        answer.kind === "answered" && answer.value.kind === "granted",
        JSON.stringify(answer),
      );
      for (const process of stage.processes) process.kill();
      await Promise.allSettled(work);
      assert.ok(waitedMs < 3_000, `it waited ${String(waitedMs)} ms`);
    });

  it("is let in soon where who holds it does not use it (stickyFor), though the one before left", async () => {
    const stage = await quietStage("unheard/sticky", 3);
    stage.edit(stage.world.chance, () => [
      stage.documentOf("orders", specOf({ mode: "Mutex", ttl: "1m", stickyFor: "10m" })),
    ]);
    await stage.world.pass(1_000);
    const [keeps, leaves, waits] = [0, 1, 2].map((at) => processOf(stage, at));
    assert.ok(keeps !== undefined && leaves !== undefined && waits !== undefined);
    const told = await stage.world.until(keeps.acquire(ask({})).answer);
    assert.ok(told.kind === "answered" && told.value.kind === "granted");
    await stage.world.until(keeps.release(told.value.grant.grantId));
    await stage.world.pass(3_000);
    leaves.link.weather = {
      ...calm,
      requestMs: { min: 60, max: 60 },
      answerMs: { min: 60, max: 60 },
    };
    const left = leaves.acquire(ask({}));
    await stage.world.pass(100);
    const beganMs = stage.world.nowMs;
    const waiting = waits.acquire(ask({}));
    await stage.world.pass(20);
    left.leave();
    const answer = await stage.world.until(waiting.answer);
    const waitedMs = stage.world.nowMs - beganMs;
    assert.ok(
      answer.kind === "answered" && answer.value.kind === "granted",
      JSON.stringify(answer),
    );
    for (const process of stage.processes) process.kill();
    assert.ok(waitedMs < 3_000, `it waited ${String(waitedMs)} ms`);
  });

  it("a writer is let in, though readers come all the time and the one before (a try) went without a word", async () => {
    const stage = await quietStage("unheard/readers", 3);
    stage.edit(stage.world.chance, () => [
      stage.documentOf("documents", generousSpec("1m", "ReadWrite")),
    ]);
    await stage.world.pass(1_000);
    const [reads, tries, waits] = [0, 1, 2].map((at) => processOf(stage, at));
    assert.ok(reads !== undefined && tries !== undefined && waits !== undefined);
    const untilMs = stage.world.nowMs + 90_000;
    const read = async (holdMs: number): Promise<void> => {
      while (stage.world.nowMs < untilMs) {
        const told = await reads.acquire(
          ask({ pool: "documents", mode: "shared", waitMs: 600_000 }),
        ).answer;
        if (told.kind !== "answered" || told.value.kind !== "granted") return;
        await stage.pause(holdMs);
        await reads.release(told.value.grant.grantId);
      }
    };
    const work = [100, 170, 230, 310].map(read);
    await stage.world.pass(2_000);
    tries.link.weather = {
      ...calm,
      requestMs: { min: 60, max: 60 },
      answerMs: { min: 60, max: 60 },
    };
    const tried = tries.acquire(ask({ pool: "documents", waitMs: 0 }));
    void tried.answer.then((told) => {
      if (told.kind === "answered" && told.value.kind === "granted")
        void tries.release(told.value.grant.grantId);
    });
    await stage.world.pass(100);
    const beganMs = stage.world.nowMs;
    const waiting = waits.acquire(ask({ pool: "documents" }));
    const answer = await stage.world.until(waiting.answer);
    const waitedMs = stage.world.nowMs - beganMs;
    assert.ok(
      answer.kind === "answered" && answer.value.kind === "granted",
      JSON.stringify(answer),
    );
    for (const process of stage.processes) process.kill();
    await Promise.allSettled(work);
    assert.ok(waitedMs < 3_000, `it waited ${String(waitedMs)} ms`);
  });

  it("is let in soon, a set too", async () => {
    const stage = await quietStage("unheard/set", 3);
    const [process, tries, waits] = [0, 1, 2].map((at) => processOf(stage, at));
    assert.ok(process !== undefined && tries !== undefined && waits !== undefined);
    const untilMs = stage.world.nowMs + 60_000;
    const work = [1, 2, 3].map(() => keepBusy(stage, process, untilMs));
    await stage.world.pass(1_000);
    tries.link.weather = {
      ...calm,
      requestMs: { min: 60, max: 60 },
      answerMs: { min: 60, max: 60 },
    };
    void tries.acquire({ ...lock, ...forOneself, waitMs: 0, hold: "ttl" }).answer;
    await stage.world.pass(100);
    const beganMs = stage.world.nowMs;
    const single: AcquireRequest = { ...lock, ...forOneself, waitMs: 60_000, hold: "ttl" };
    const locks = ["42", "43"].map((name) => ({ ...lock, ...forOneself, name }));
    const answer = await stage.world.until(waits.acquire(asSet(single, locks)).answer);
    const waitedMs = stage.world.nowMs - beganMs;
    assert.ok(
      answer.kind === "answered" && answer.value.kind === "granted",
      JSON.stringify(answer),
    );
    for (const each of stage.processes) each.kill();
    await Promise.allSettled(work);
    assert.ok(waitedMs < 3_000, `it waited ${String(waitedMs)} ms`);
  });
});
