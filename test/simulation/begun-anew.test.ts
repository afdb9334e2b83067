import assert from "node:assert/strict";
import type { ModelSnapshot } from "#test/support/etcd-model/server.ts";
import { calm, type Weather } from "#test/support/etcd-model/weather.ts";
import { installationKey, recordKey } from "#core/spec/keys.ts";
import { encodeInstallation, readInstallation } from "#core/spec/records.ts";
import { fences } from "./checks/fences.ts";
import { forOneself, namespace } from "./process.ts";
import { generousSpec, type Schedule } from "./schedule.ts";
import { Stage } from "./stage.ts";

async function acquireOnce(stage: Stage, index: number): Promise<string> {
  const process = stage.pods[index]?.process;
  assert.ok(process !== undefined);
  const request = {
    pool: "orders",
    name: "42",
    ...forOneself,
    waitMs: 5_000,
    hold: "ttl",
  } as const;
  let answer = await stage.world.until(process.acquire(request).answer);
  for (let times = 0; answer.kind === "refused" && times < 2_000; times++) {
    await stage.world.pass(10);
    answer = await stage.world.until(process.acquire(request).answer);
  }
  assert.ok(answer.kind === "answered" && answer.value.kind === "granted", JSON.stringify(answer));
  await stage.world.until(process.release(answer.value.grant.grantId));
  return answer.value.grant.fence;
}

const quiet: Partial<Schedule> = {
  mode: "Mutex",
  pods: 2,
  pools: ["orders"],
  names: ["42"],
  faults: [],
  skewed: false,
};

/** Both pods were granted under a base that a snapshot from before does not have. */
async function liveOnAfterSnapshot(
  seed: string,
  weather: Weather,
): Promise<[Stage, ModelSnapshot]> {
  const stage = new Stage(seed, { ...quiet, sessionTtlMs: 10_000, weather });
  const { world, server } = stage;
  await world.pass(5_000);
  stage.edit(world.chance, () => [stage.documentOf("orders", generousSpec())]);
  await world.pass(5_000);
  const snapshot = server.snapshot();
  await world.pass(60_000);
  stage.processes[0]?.owner.begunAnew();
  await world.pass(15_000);
  await acquireOnce(stage, 0);
  await acquireOnce(stage, 1);
  return [stage, snapshot];
}

/** Afterwards no revision tells of it. */
function restoreUnseen({ server, record }: Stage, snapshot: ModelSnapshot): void {
  const { revision } = server.header;
  server.restore(snapshot, true);
  const then = [{ kind: "put", key: "/somebody/else", value: new Uint8Array() } as const];
  while (server.header.revision < revision) server.txn({ compares: [], then, otherwise: [] });
  record.begunAnew();
}

function end(stage: Stage): void {
  for (const process of stage.processes) process.kill();
  assert.equal(stage.history.grants.length, 4);
  assert.deepEqual(fences(stage.history), []);
}

describe("an older etcd that was restored with a revision not below the last one seen", () => {
  it("gives no fence that is not above all before it", async () => {
    const [stage, snapshot] = await liveOnAfterSnapshot("begun anew", calm);
    restoreUnseen(stage, snapshot);
    await acquireOnce(stage, 0);
    await acquireOnce(stage, 1);
    end(stage);
  });

  it("gives none either where all sidecars are new and have seen nothing", async () => {
    const slow = { ...calm, requestMs: { min: 1, max: 1_500 }, answerMs: { min: 1, max: 300 } };
    for (let seed = 1; seed <= 20; seed++) {
      const [stage, snapshot] = await liveOnAfterSnapshot(`begun anew/${String(seed)}`, slow);
      for (const process of stage.processes) process.kill();
      await stage.world.pass(12_000);
      restoreUnseen(stage, snapshot);
      for (const pod of stage.pods) pod.start();
      await acquireOnce(stage, 0);
      await acquireOnce(stage, 1);
      end(stage);
    }
  });
});

describe("an etcd that was wiped while a sidecar was cut off", () => {
  it("is not taken for the old one where its records stand at the revisions of the old ones", async () => {
    const stage = new Stage("wiped", { ...quiet, pods: 1, sessionTtlMs: 10_000, weather: calm });
    const { world, server, record } = stage;
    await world.pass(2_000);
    stage.edit(world.chance, () => [stage.documentOf("orders", generousSpec())]);
    await world.pass(2_000);
    await acquireOnce(stage, 0);
    const [process] = stage.processes;
    const old = [installationKey, recordKey(namespace, "DistributedLock", "orders")].map((key) =>
      server.keys.get(key),
    );
    const [oldInstallation] = old;
    const oldBase = readInstallation(oldInstallation)?.base ?? 0n;
    const base = oldBase + 1_000_000n;
    process?.link.cut("both", "lost");
    await world.pass(15_000);
    const { revision, cluster } = server.header;
    server.wipe(true);
    const installation = encodeInstallation({ owner: "standalone", base, cluster });
    while (server.header.revision <= revision) {
      const next = server.header.revision + 1n;
      const there = old.find((kv) => kv?.modRevision === next);
      const key = there?.key ?? "/somebody/else";
      const value = key === installationKey ? installation : (there?.value ?? new Uint8Array());
      server.txn({ compares: [], then: [{ kind: "put", key, value }], otherwise: [] });
    }
    record.begunAnew();
    assert.equal(server.keys.get(installationKey)?.modRevision, oldInstallation?.modRevision);
    process?.link.heal();
    const fence = BigInt(await acquireOnce(stage, 0));
    process?.kill();
    assert.ok(fence >> 16n > base, "the fence was made with the old base");
  });
});
