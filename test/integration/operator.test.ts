import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { EtcdGateway } from "../support/etcd-gateway.ts";
import { EtcdServer } from "../support/etcd-server.ts";
import { acquire, grantOf, hold, queued, release } from "../support/lock-calls.ts";
import { eventually, inTime } from "../support/poll.ts";
import { Operator } from "../support/operator.ts";
import { mutex, SidecarProcess } from "../support/sidecar-process.ts";

const spec = (ttl = "30s") => ({ mode: "Mutex", ttl });

/** These tests play the operator: they write the spec tree, and no sidecar may. */
describe("resources from etcd's spec tree", function () {
  this.timeout(60_000);
  let etcd: EtcdServer;
  let raw: EtcdGateway;
  let sidecar: SidecarProcess;
  let operator: Operator;

  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
    raw = new EtcdGateway(etcd.endpoint);
    sidecar = await SidecarProcess.start({ etcd: etcd.endpoint, unready: true });
    operator = new Operator(raw);
  });

  after(async () => {
    await sidecar[Symbol.asyncDispose]();
    await etcd[Symbol.asyncDispose]();
  });

  const code = async (lock: string) => (await acquire(sidecar, lock)).body["code"];

  it("are not served before the operator has set the fence base", async () => {
    await operator.publish("orders");
    await eventually("what is missing", async () => {
      const { status, text } = await sidecar.health.get("/startupz");
      assert.equal(status, 503);
      return text.includes("resources: nobody has set the fence base");
    });
    assert.equal(await code("orders/1"), "not_ready");
    await operator.install();
    await sidecar.said("ready");
    assert.equal((await sidecar.health.get("/startupz")).status, 200);
    const held = await hold(sidecar, "orders/1");
    // (base + create revision) × 2^16
    const revision = await raw.revision();
    assert.ok(held.fence >> 16n > operator.base && held.fence >> 16n <= operator.base + revision);
    await release(sidecar, held);
  });

  it("are known as soon as they are written, with what they say", async () => {
    assert.equal((await acquire(sidecar, "payments/1")).status, 404);
    await operator.publish("payments", { spec: spec("9s") });
    await eventually("the pool", async () => (await code("payments/1")) !== "pool_not_found");
    assert.equal((await acquire(sidecar, "payments/2")).body["ttl"], "9s");
    const { body } = await sidecar.api.get("/v1/resources");
    assert.equal(body["source"], "etcd");
  });

  it("apply in place when they change, also for who waits; grants go on", async () => {
    await operator.publish("changing", { spec: spec("20s") });
    await eventually("the pool", async () => (await code("changing/0")) !== "pool_not_found");
    const held = await hold(sidecar, "changing/1");
    const waiting = acquire(sidecar, "changing/1", { wait: "1m" });
    await queued(sidecar, "changing/1", 1);
    await operator.publish("changing", { spec: spec("7s"), generation: 2 });
    await eventually("the change", async () => {
      const { body } = await sidecar.api.get("/v1/resources");
      const resources = body["resources"] as { name: string; generation: number }[];
      return resources.find(({ name }) => name === "changing")?.generation === 2;
    });
    assert.equal((await grantOf(sidecar, held)).status, 200);
    await release(sidecar, held);
    const next = await waiting;
    assert.equal(next.status, 200);
    assert.equal(next.body["ttl"], "7s");
  });

  it("of a higher protocol level are refused: this sidecar is too old for them", async () => {
    await operator.publish("modern", { level: 99 });
    await eventually("the pool", async () => (await code("modern/1")) !== "pool_not_found");
    const answer = await acquire(sidecar, "modern/1");
    assert.equal(answer.status, 503);
    assert.equal(answer.body["code"], "sidecar_too_old");
    assert.match(String(answer.body["detail"]), /level 99.*Restart the pod/);
    assert.equal((await sidecar.api.get("/v1/locks/modern/1")).body["code"], "sidecar_too_old");
    assert.equal((await sidecar.api.get("/v1/locks/modern")).body["code"], "sidecar_too_old");
    await operator.publish("modern", { level: 1, generation: 2 });
    await eventually("service", async () => (await acquire(sidecar, "modern/1")).status === 200);
  });

  it("that rise above this sidecar's level while somebody holds and waits end the wait, not the grant", async () => {
    await operator.publish("rising");
    await eventually("the pool", async () => (await code("rising/0")) !== "pool_not_found");
    const held = await hold(sidecar, "rising/1");
    const waiting = acquire(sidecar, "rising/1", { wait: "1m" });
    await queued(sidecar, "rising/1", 1);
    await operator.publish("rising", { level: 2, generation: 2 });
    await eventually("the level", async () => (await code("rising/2")) === "sidecar_too_old");
    assert.equal((await grantOf(sidecar, held)).status, 200);
    await release(sidecar, held);
    assert.equal((await waiting).body["code"], "sidecar_too_old");
  });

  it("that are no valid spec are not served, and say why", async () => {
    await operator.publish("broken", { spec: { mode: "Mutex", ttl: "soon" } });
    await eventually("the pool", async () => (await code("broken/1")) === "not_ready");
    const { body } = await sidecar.api.get("/v1/resources");
    const resources = body["resources"] as { name: string; state: string; problems: unknown[] }[];
    const broken = resources.find(({ name }) => name === "broken");
    assert.equal(broken?.state, "refused");
    assert.match(JSON.stringify(broken.problems), /ttl.*soon/);
    await raw.put("/holdfast/v1/spec/default/DistributedLock/rubbish", "{no json");
    await eventually("the pool", async () => (await code("rubbish/1")) === "not_ready");
  });

  it("that are deleted are gone: 404, also for who waits behind another sidecar; grants go on", async () => {
    await using other = await SidecarProcess.start({ etcd: etcd.endpoint });
    await operator.publish("leaving");
    await eventually("the pool", async () => (await code("leaving/0")) !== "pool_not_found");
    const held = await hold(sidecar, "leaving/1");
    await eventually("the pool", async () => (await acquire(other, "leaving/1")).status === 423);
    const waiting = acquire(other, "leaving/1", { wait: "1m" });
    await queued(sidecar, "leaving/1", 1);
    await operator.unpublish("leaving");
    assert.equal((await waiting).body["code"], "pool_not_found");
    await eventually("the end", async () => (await code("leaving/1")) === "pool_not_found");
    assert.equal((await grantOf(sidecar, held)).status, 200);
    await release(sidecar, held);
  });

  it("belong to their operator: a standalone sidecar refuses such an etcd, and says so", async () => {
    await using standalone = await SidecarProcess.launch({
      etcd: etcd.endpoint,
      resources: [mutex("orders")],
    });
    const { code: exit } = await inTime("its end", standalone.ended);
    assert.equal(exit, 1);
    assert.match(standalone.tail(), /belong to 'operator'.*HOLDFAST_RESOURCES/);
    const [record] = await raw.under("/holdfast/v1/spec/default/DistributedLock/orders");
    assert.match(record?.value ?? "", /uid-orders/);
  });

  it("go on with a base that the operator raised: fences are above all earlier ones", async () => {
    const before = await hold(sidecar, "orders/raised");
    await release(sidecar, before);
    operator.base += 1_000_000_000n;
    await operator.install();
    await eventually("the new base", async () => {
      const held = await hold(sidecar, "orders/raised");
      assert.ok(held.fence > before.fence);
      await release(sidecar, held);
      return held.fence >> 16n > operator.base;
    });
  });
});
