import assert from "node:assert/strict";
import { contendersOf } from "#core/lock/keys.ts";
import { judgedNow, untilWorthALook } from "#core/lock/wait.ts";
import { forOneself, namespace, type Process } from "./process.ts";
import { processOf, quietStage } from "./quiet-stage.ts";
import type { Stage } from "./stage.ts";

const lock = { pool: "orders", name: "42" } as const;

async function pair(stage: Stage, process: Process): Promise<string> {
  const request = { ...lock, ...forOneself, waitMs: 5_000, hold: "ttl" } as const;
  const answer = await stage.world.until(process.acquire(request).answer);
  assert.ok(answer.kind === "answered" && answer.value.kind === "granted");
  const { grantId } = answer.value.grant;
  await stage.world.until(process.release(grantId));
  return grantId;
}

function end(stage: Stage): void {
  for (const process of stage.processes) process.kill();
  assert.deepEqual(stage.history.violations, []);
}

describe("the seats of a session", () => {
  it("leave etcd one dead key, however often a lock is taken and released, and no grantId twice", async () => {
    const stage = await quietStage("seats/one", 1);
    const process = processOf(stage, 0);
    const ids = new Set<string>();
    for (let pairs = 0; pairs < 10; pairs++) ids.add(await pair(stage, process));
    assert.equal(ids.size, 10);
    const made = [...stage.record.everMade.values()];
    assert.equal(made.length, 10);
    assert.equal(new Set(made.map(({ key }) => key)).size, 1);
    end(stage);
  });

  it("are others after one was spoiled", async () => {
    const stage = await quietStage("seats/spoiled", 1);
    const process = processOf(stage, 0);
    await pair(stage, process);
    process.kernel.sessions.current?.seats.spoil();
    await pair(stage, process);
    const keys = [...stage.record.everMade.values()].map(({ key }) => key);
    assert.notEqual(keys[0], keys[1]);
    end(stage);
  });

  it("do not deceive who waits for a place that went, when its key was made again before he watches", async () => {
    const stage = await quietStage("seats/again", 1);
    const process = processOf(stage, 0);
    await pair(stage, process);
    const [gone] = [...stage.record.everMade.values()];
    assert.ok(gone !== undefined);
    const request = { ...lock, ...forOneself, waitMs: 5_000, hold: "ttl" } as const;
    await stage.world.until(process.acquire(request).answer);
    const [standing] = stage.server.keys.within(contendersOf(namespace, lock));
    assert.equal(standing?.key, gone.key);
    const { store, specs } = process.kernel;
    const beganMs = stage.world.nowMs;
    const { runtime } = process;
    const contender = { key: gone.key, created: gone.createRevision };
    const waiting = Promise.withResolvers<unknown>();
    runtime.deliver(() => {
      const reason = { worth: [{ gone: contender }], judged: judgedNow(specs, []) };
      const { signal } = new AbortController();
      untilWorthALook({ runtime, store, mirror: specs }, reason, signal).then(
        waiting.resolve,
        waiting.reject,
      );
    });
    await stage.world.until(waiting.promise);
    const waitedMs = stage.world.nowMs - beganMs;
    assert.ok(waitedMs < 1_000, `he looked again only after ${String(waitedMs)} ms`);
    end(stage);
  });
});
