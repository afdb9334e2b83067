import assert from "node:assert/strict";
import { contendersOf } from "#core/lock/keys.ts";
import { forOneself, namespace, type Process } from "./process.ts";
import { processOf, quietStage } from "./quiet-stage.ts";
import type { Stage } from "./stage.ts";

const minuteMs = 60_000;

interface Used {
  readonly stage: Stage;
  readonly process: Process;
}

async function take({ stage, process }: Used, requestId: string): Promise<string> {
  const request = {
    pool: "orders",
    name: "42",
    ...forOneself,
    waitMs: 5_000,
    hold: "ttl",
    requestId,
  } as const;
  const answer = await stage.world.until(process.acquire(request).answer);
  if (answer.kind !== "answered") return answer.kind === "refused" ? answer.code : answer.kind;
  assert.ok(answer.value.kind === "granted");
  return answer.value.grant.grantId;
}

async function release({ stage, process }: Used, grantId: string): Promise<string> {
  const answer = await stage.world.until(process.release(grantId));
  return answer.kind === "answered"
    ? answer.value
    : answer.kind === "refused"
      ? answer.code
      : answer.kind;
}

describe("a grant that is over", () => {
  it("is told released to who asks meanwhile only when its place is gone", async () => {
    const stage = await quietStage("remembered/twice", 1);
    const used = { stage, process: processOf(stage, 0) };
    const id = await take(used, "job-1");
    const first = used.process.release(id);
    const places = () =>
      stage.server.keys.within(contendersOf(namespace, { pool: "orders", name: "42" })).length;
    const seen = used.process.release(id).then((answer) => ({ answer, places: places() }));
    const second = await stage.world.until(seen);
    assert.deepEqual(second, { answer: { kind: "answered", value: "released" }, places: 0 });
    assert.equal((await stage.world.until(first)).kind, "answered");
    for (const process of stage.processes) process.kill();
  });

  for (const othersMs of [0, 45_000]) {
    it(`is remembered for a minute, and not for two, with others ${othersMs} ms before it`, async () => {
      const stage = await quietStage(`remembered/${othersMs}`, 1);
      const used = { stage, process: processOf(stage, 0) };
      // So that it ends at another time of what is remembered together.
      await stage.world.pass(othersMs);
      const id = await take(used, "job-1");
      assert.equal(await release(used, id), "released");
      await stage.world.pass(minuteMs - 5_000);
      assert.equal(await release(used, id), "released");
      assert.equal(await take(used, "job-1"), "grant_lost");
      await stage.world.pass(minuteMs + 10_000);
      const again = await take(used, "job-1");
      assert.match(again, /^[0-9a-f]{20}-/);
      assert.notEqual(again, id);
      assert.equal(await release(used, id), "grant_lost");
      assert.equal(await release(used, again), "released");
      for (const process of stage.processes) process.kill();
      assert.deepEqual(stage.history.violations, []);
    });
  }
});
