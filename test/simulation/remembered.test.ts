import assert from "node:assert/strict";
import { calm } from "#test/support/etcd-model/weather.ts";
import type { Process } from "./process.ts";
import { generousSpec } from "./schedule.ts";
import { Stage } from "./stage.ts";

const minuteMs = 60_000;

async function onePod(seed: string): Promise<{ stage: Stage; process: Process }> {
  const quiet = { pods: 1, pools: ["orders"], names: ["42"], faults: [], skewed: false };
  const stage = new Stage(seed, { ...quiet, sessionTtlMs: 10_000, weather: calm });
  await stage.world.pass(1_000);
  stage.edit(stage.world.chance, () => [stage.documentOf("orders", generousSpec())]);
  await stage.world.pass(1_000);
  const process = stage.pods[0]?.process;
  assert.ok(process !== undefined);
  return { stage, process };
}

interface Used {
  readonly stage: Stage;
  readonly process: Process;
}

async function take({ stage, process }: Used, requestId: string): Promise<string> {
  const request = { pool: "orders", name: "42", waitMs: 5_000, hold: "ttl", requestId } as const;
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
  for (const othersMs of [0, 45_000]) {
    it(`is remembered for a minute, and not for two, with others ${othersMs} ms before it`, async () => {
      const used = await onePod(`remembered/${othersMs}`);
      const { stage } = used;
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
