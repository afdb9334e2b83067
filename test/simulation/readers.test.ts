/** Readers of one pod, who hold a lock together by one place, in virtual time. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import type { AcquireRequest, GrantView } from "#core/lock/views.ts";
import { contendersOf } from "#core/lock/keys.ts";
import { forOneself, namespace, type Process } from "./process.ts";
import { processOf, quietStage } from "./quiet-stage.ts";
import { generousSpec } from "./schedule.ts";
import type { Stage } from "./stage.ts";

const lock = { pool: "documents", name: "42" } as const;
const shared = { mode: "shared" } as const;

/** With two more that may join while a writer waits. */
async function readWriteStage(seed: string, pods: number): Promise<Stage> {
  const stage = await quietStage(seed, pods);
  stage.edit(stage.world.chance, () => [
    stage.documentOf("documents", generousSpec("1m", "ReadWrite")),
  ]);
  await stage.world.pass(1_000);
  return stage;
}

async function asked(process: Process, more: Partial<AcquireRequest>): Promise<GrantView> {
  const request: AcquireRequest = { ...lock, ...forOneself, waitMs: 60_000, hold: "ttl", ...more };
  const answer = await process.acquire(request).answer;
  assert.ok(answer.kind === "answered" && answer.value.kind === "granted", JSON.stringify(answer));
  return answer.value.grant;
}

const reads = (stage: Stage, process: Process, waitMs = 0): Promise<GrantView> =>
  stage.world.until(asked(process, { ...shared, waitMs }));

const placesIn = (stage: Stage): number =>
  stage.server.keys.within(contendersOf(namespace, lock)).length;

function end(stage: Stage): void {
  for (const process of stage.processes) process.kill();
  assert.deepEqual(stage.history.violations, []);
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
});
