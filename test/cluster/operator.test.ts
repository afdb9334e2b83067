/** The operator as a process under its own role, with an API server, an etcd for data and a sidecar that reads it. */
import assert from "node:assert/strict";
import { familiesOf } from "#test/support/exposition.ts";
import { acquire, hold, release } from "#test/support/lock-calls.ts";
import type { OperatorProcess } from "#test/support/operator-process.ts";
import type { SidecarProcess } from "#test/support/sidecar-process.ts";
import { operatorFamilies } from "#tools/generate/metrics.ts";
import { until } from "#tools/cluster/until.ts";
import { OperatorStage, recordKeyOf } from "./operator-stage.ts";

const repaired = 'holdfast_drift_repaired_total{kind="DistributedLock"}';

describe("the operator", function () {
  this.timeout(180_000);
  let stage: OperatorStage;
  let operator: OperatorProcess;
  let sidecar: SidecarProcess;

  before(async () => {
    stage = await OperatorStage.start({ controllerManager: true });
    operator = await stage.operator();
    sidecar = await stage.sidecar();
    await operator.said("leading");
  });
  after(async function () {
    if (this.currentTest?.state === "failed") console.log(operator.tail(60));
    await stage[Symbol.asyncDispose]();
  });

  it("publishes ten lines of YAML: a record in etcd, Programmed, Ready, and a lock through the sidecar", async () => {
    const sentAt = performance.now();
    await stage.kubectl("apply", "-f", "examples/orders.yaml");
    await stage.kubectl("wait", "--for=condition=Ready", "hflock/orders", "--timeout=60s");
    console.log(`      Ready ${Math.round(performance.now() - sentAt)} ms after kubectl was run`);
    const { metadata, status } = await stage.lock("orders");
    assert.deepEqual(
      status?.conditions?.map(({ type, status: holds, reason }) => [type, holds, reason]),
      [
        ["Accepted", "True", "Valid"],
        ["BackendReachable", "True", "Reachable"],
        ["Programmed", "True", "Published"],
        ["Ready", "True", "Usable"],
      ],
    );
    assert.equal(status.observedGeneration, metadata.generation);
    const record = JSON.parse((await stage.record("orders"))?.value ?? "{}") as object;
    assert.equal((record as { uid: string }).uid, metadata.uid);
    await sidecar.said("ready");
    await release(sidecar, await hold(sidecar, "orders/1"));
  });

  it("shows in kubectl's columns what is held, by what the sidecars say", async () => {
    const held = await hold(sidecar, "orders/2");
    await until("one lock held", async () => (await stage.lock("orders")).status?.held === 1);
    const table = await stage.kubectl("get", "hflock", "orders");
    assert.match(table, /^orders\s+Mutex\s+1\s+0\s+True\s+\S+$/m);
    await release(sidecar, held);
    await until("none held", async () => (await stage.lock("orders")).status?.held === 0);
  });

  it("says how many sidecars have applied it", async () => {
    await until("the sidecar to be counted", async () => {
      const programmed = await stage.condition("orders", "Programmed");
      return programmed?.message === "applied by 1 of 1 sidecars";
    });
  });

  it("publishes an edit, and moves no time of a condition that stays true", async () => {
    const before = await stage.condition("orders", "Ready");
    await stage.apply("orders", { ttl: "7s" });
    await stage.ready("orders");
    const record = JSON.parse((await stage.record("orders"))?.value ?? "{}") as {
      generation: number;
      spec: { ttl: string };
    };
    assert.equal(record.spec.ttl, "7s");
    assert.equal(record.generation, (await stage.lock("orders")).metadata.generation);
    const after = await stage.condition("orders", "Ready");
    assert.equal(after?.lastTransitionTime, before?.lastTransitionTime);
  });

  it("refuses by name what is not built yet, and leaves in force what was published", async () => {
    const before = await stage.record("orders");
    await stage.apply("orders", { backendRef: { name: "other" } });
    const accepted = await stage.reason("orders", "Accepted", "BackendNotSupported");
    assert.equal(accepted.status, "False");
    assert.match(accepted.message, /^spec\.backendRef: /);
    assert.equal((await stage.condition("orders", "Programmed"))?.reason, "NotAccepted");
    assert.equal((await stage.condition("orders", "Ready"))?.status, "False");
    assert.equal((await stage.record("orders"))?.modRevision, before?.modRevision);
    await until("an Event", async () => {
      const events = await stage.events("orders");
      return events.includes("BackendNotSupported");
    });
    await stage.apply("orders");
    await stage.ready("orders");
  });

  it("repairs a record that was changed, and one that was deleted, in etcd, and counts both", async () => {
    const before = (await operator.metric(repaired)) ?? 0;
    const good = await stage.record("orders");
    assert.ok(good !== undefined);
    await stage.raw.put(good.key, good.value.replace('"mode":"Mutex"', '"mode":"Semaphore"'));
    await until("the repair", async () => (await operator.metric(repaired)) === before + 1);
    const mended = await stage.record("orders");
    assert.match(mended?.value ?? "", /"mode":"Mutex"/);
    await stage.raw.delete(good.key);
    await until("the other repair", async () => (await operator.metric(repaired)) === before + 2);
    assert.ok((await stage.record("orders")) !== undefined);
    await until("an Event", async () => (await stage.events("orders")).includes("DriftRepaired"));
  });

  it("removes a record that nobody asked for", async () => {
    await stage.raw.put(recordKeyOf("stray"), { uid: "u", generation: 1, level: 1, spec: {} });
    await stage.collected("stray");
  });

  it("writes nothing more once all is said", async () => {
    const versionOf = (): Promise<string> =>
      stage.kubectl("get", "hflock", "orders", "-o", "jsonpath={.metadata.resourceVersion}");
    await stage.ready("orders");
    const [version, record] = [await versionOf(), await stage.record("orders")];
    await stage.kubectl("annotate", "hflock", "orders", "looked=at");
    await until("the annotation", async () => (await versionOf()) !== version);
    const annotated = await versionOf();
    // What comes after it in the same queue has been through when this is ready.
    await stage.apply("next");
    await stage.ready("next");
    assert.equal(await versionOf(), annotated);
    assert.equal((await stage.record("orders"))?.modRevision, record?.modRevision);
  });

  it("collects what is deleted", async () => {
    await stage.kubectl("delete", "hflock", "next");
    await stage.collected("next");
  });

  it("publishes a pool that is made again at once where its mode is the same", async () => {
    const held = await hold(sidecar, "orders/3");
    await stage.kubectl("delete", "hflock", "orders");
    await stage.collected("orders");
    await stage.apply("orders");
    await stage.ready("orders");
    await release(sidecar, held);
  });

  it("lets a namespace with a pool be deleted", async () => {
    await stage.kubectl("create", "namespace", "short-lived");
    await stage.apply("inside", {}, "short-lived");
    const isThere = async () => (await stage.record("inside", "short-lived")) !== undefined;
    await until("its record", isThere);
    await stage.kubectl("delete", "namespace", "short-lived", "--timeout=100s");
    await stage.collected("inside", "short-lived");
  });

  it("is alive and ready, was forbidden nothing, and exports the metrics of its reference", async () => {
    assert.equal((await operator.health.get("/livez")).status, 200);
    assert.equal((await operator.health.get("/readyz")).status, 200);
    const rss = (await operator.metric("process_resident_memory_bytes")) ?? 0;
    console.log(`      resident: ${Math.round(rss / 1024 / 1024)} MiB`);
    assert.deepEqual(await stage.forbidden(), []);
    const declared = operatorFamilies().map(({ names, kind }) => `${names.name}: ${kind}`);
    assert.deepEqual(await familiesOf(operator), declared.sort(), "those of the reference");
    assert.equal((await acquire(sidecar, "nowhere/1")).status, 404);
  });
});
