/** What the operator and the sidecars do while one of them, the API server or etcd is away. */
import assert from "node:assert/strict";
import { hold, release } from "#test/support/lock-calls.ts";
import type { OperatorProcess } from "#test/support/operator-process.ts";
import type { SidecarProcess } from "#test/support/sidecar-process.ts";
import { until } from "#tools/cluster/until.ts";
import { OperatorStage } from "./operator-stage.ts";

const leads = 'leader_election_master_status{name="holdfast-operator"}';
const isAtWork = "holdfast_operator_at_work";

describe("an operator in outages", function () {
  this.timeout(180_000);
  let stage: OperatorStage;
  let operator: OperatorProcess;
  let sidecar: SidecarProcess;

  before(async () => {
    stage = await OperatorStage.start();
    operator = await stage.operator();
    sidecar = await stage.sidecar();
    await stage.apply("orders");
    await stage.ready("orders");
    await sidecar.said("ready");
  });
  after(async function () {
    if (this.currentTest?.state === "failed") console.log(operator.tail(60));
    await stage[Symbol.asyncDispose]();
  });

  it("goes on after the API server was killed and started again", async () => {
    const api = stage.cluster.component("kube-apiserver");
    await api.kill();
    await release(sidecar, await hold(sidecar, "orders/1"));
    api.start();
    await stage.cluster.ready();
    await stage.apply("orders", { ttl: "9s" });
    await stage.ready("orders");
    assert.match((await stage.record("orders"))?.value ?? "", /"ttl":"9s"/);
    assert.ok(!operator.isOver);
    stage.forgive();
  });

  it("says that etcd does not answer, stays ready itself, and publishes what waited when it is back", async () => {
    await stage.etcd.kill();
    const reachable = await stage.reason("orders", "BackendReachable", "Unreachable");
    assert.equal(reachable.status, "False");
    assert.equal((await stage.condition("orders", "Ready"))?.reason, "BackendNotReachable");
    assert.equal(await operator.metric("holdfast_etcd_reachable"), 0);
    assert.equal((await operator.health.get("/readyz")).status, 200);
    assert.equal((await operator.health.get("/livez")).status, 200);
    await stage.apply("waits");
    await stage.reason("waits", "Programmed", "Publishing");
    await stage.etcd.startAll();
    await stage.ready("orders");
    await stage.ready("waits");
    assert.equal(await operator.metric("holdfast_etcd_reachable"), 1);
    assert.ok((await stage.record("waits")) !== undefined);
  });

  it("is not needed by a sidecar; what was deleted meanwhile is collected at its start", async () => {
    await operator.kill();
    // The outage before this may have cost it its session: it makes a new one by itself.
    await release(sidecar, await until("a grant", async () => hold(sidecar, "orders/2")));
    await stage.kubectl("delete", "hflock", "waits");
    assert.ok((await stage.record("waits")) !== undefined);
    operator = await stage.operator();
    await stage.collected("waits");
    await stage.ready("orders");
  });

  it("waits with a pool made again, whose former mode nobody remembers, until its grants are gone", async () => {
    await stage.apply("again");
    await stage.ready("again");
    const held = await until("a grant", async () => hold(sidecar, "again/1"));
    await stage.kubectl("delete", "hflock", "again");
    await stage.collected("again");
    await operator.kill();
    operator = await stage.operator();
    await operator.said("leading");
    await stage.apply("again");
    const waiting = await stage.reason("again", "Programmed", "OldGrants");
    assert.equal(waiting.status, "False");
    assert.equal(await stage.record("again"), undefined);
    await until("an Event", async () => (await stage.events("again")).includes("OldGrants"));
    await release(sidecar, held);
    await stage.ready("again");
  });

  it("says nothing anew at a start: no status is written, no Event told, where nothing has changed", async () => {
    const says = async (name: string, words: string): Promise<boolean> =>
      (await stage.condition(name, "Programmed"))?.message.includes(words) === true;
    await until("the sidecar to be counted", () => says("orders", "applied by 1 of 1"));
    const before = await stage.lock("orders");
    const events = await stage.events("orders");
    await operator.terminate();
    operator = await stage.operator();
    // Who says this of a new pool has asked all that is asked at a start.
    await stage.apply("newcomer");
    await until("the sidecar to be known", () => says("newcomer", "of 1 sidecars"));
    assert.deepEqual(await stage.lock("orders"), before);
    assert.deepEqual(await stage.events("orders"), events);
  });

  it("leads alone, and hands over at its end and at its death", async () => {
    const second = await stage.operator();
    await second.saidWhen(
      "who leads",
      0,
      ({ message, holder }) => message === "a leader was seen" && holder !== "",
    );
    assert.equal(await second.metric(leads), 0);
    assert.equal(await second.metric(isAtWork), 0);
    assert.equal((await second.health.get("/readyz")).status, 200);
    const { code } = await operator.terminate();
    assert.equal(code, 0);
    await second.said("leading");
    assert.equal(await second.metric(leads), 1);
    await until("its work", async () => (await second.metric(isAtWork)) === 1);
    const third = await stage.operator();
    await second.kill();
    await until("the third to lead", async () => third.has("leading"));
    await stage.apply("orders", { ttl: "11s" });
    await stage.ready("orders");
    assert.match((await stage.record("orders"))?.value ?? "", /"ttl":"11s"/);
    operator = third;
  });

  it("leaves an etcd alone that another installation owns, and says what to do", async () => {
    const env = { HOLDFAST_INSTALLATION: "other", HOLDFAST_LEASE: "holdfast-operator" };
    const before = await stage.record("orders");
    await operator.terminate();
    const other = await stage.operator(env);
    const { message } = await stage.reason("orders", "BackendReachable", "ForeignOwner");
    assert.match(message, /belongs to '.+\/holdfast', and this installation is '.+\/other'/);
    assert.match(message, /another etcd in its Backend 'default'/);
    assert.equal((await stage.record("orders"))?.modRevision, before?.modRevision);
    await other.terminate();
    operator = await stage.operator();
    await stage.ready("orders");
  });

  it("was forbidden nothing", async () => {
    assert.deepEqual(await stage.forbidden(), []);
  });
});
