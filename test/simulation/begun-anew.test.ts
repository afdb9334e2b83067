import assert from "node:assert/strict";
import { calm } from "#test/support/etcd-model/weather.ts";
import { fences } from "./checks/fences.ts";
import { generousSpec } from "./schedule.ts";
import { Stage } from "./stage.ts";

async function acquireOnce(stage: Stage, index: number): Promise<string> {
  const process = stage.pods[index]?.process;
  assert.ok(process !== undefined);
  const request = { pool: "orders", name: "42", waitMs: 20_000, hold: "ttl" } as const;
  let answer = await stage.world.until(process.acquire(request).answer);
  for (let times = 0; answer.kind === "refused" && times < 20; times++) {
    await stage.world.pass(1_000);
    answer = await stage.world.until(process.acquire(request).answer);
  }
  assert.ok(answer.kind === "answered" && answer.value.kind === "granted", JSON.stringify(answer));
  await stage.world.until(process.release(answer.value.grant.grantId));
  return answer.value.grant.fence;
}

describe("an older etcd that was restored with a revision not below the last one seen", () => {
  it("gives no fence that is not above all before it", async () => {
    const quiet = { pods: 2, pools: ["orders"], names: ["42"], faults: [], skewed: false };
    const stage = new Stage("begun anew", { ...quiet, sessionTtlMs: 10_000, weather: calm });
    const { world, server, record } = stage;
    await world.pass(1_000);
    stage.edit(world.chance, () => [stage.documentOf("orders", generousSpec())]);
    await world.pass(1_000);
    const snapshot = server.snapshot();
    await world.pass(60_000);
    stage.processes[0]?.owner.begunAnew();
    await world.pass(1_000);
    await acquireOnce(stage, 0);
    await acquireOnce(stage, 1);
    const { revision } = server.header;
    server.restore(snapshot, true);
    // It has grown by itself to where the other one was: no revision tells of it.
    const then = [{ kind: "put", key: "/somebody/else", value: new Uint8Array() } as const];
    while (server.header.revision < revision) server.txn({ compares: [], then, otherwise: [] });
    record.begunAnew();
    await acquireOnce(stage, 0);
    await acquireOnce(stage, 1);
    for (const process of stage.processes) process.kill();
    assert.equal(stage.history.grants.length, 4);
    assert.deepEqual(fences(stage.history), []);
  });
});
