import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { readReport, type SidecarReport } from "#core/spec/report.ts";
import { revision } from "#core/store.ts";
import { EtcdGateway, type RawKey } from "../support/etcd-gateway.ts";
import { EtcdServer } from "../support/etcd-server.ts";
import { acquire, hold, queued, release } from "../support/lock-calls.ts";
import { Operator } from "../support/operator.ts";
import { eventually } from "../support/poll.ts";
import { brief, mutex, SidecarProcess } from "../support/sidecar-process.ts";

const prefix = "/holdfast/v1/data/default/sidecars/";
const recordOf = (name: string) => `/holdfast/v1/spec/default/DistributedLock/${name}`;

describe("what sidecars report to the operator", function () {
  this.timeout(90_000);
  let etcd: EtcdServer;
  let raw: EtcdGateway;
  let operator: Operator;

  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
    raw = new EtcdGateway(etcd.endpoint);
    operator = new Operator(raw);
    await operator.install();
    await operator.publish("orders");
  });

  after(async () => {
    await etcd[Symbol.asyncDispose]();
  });

  const start = (pod: string) =>
    SidecarProcess.start({
      etcd: etcd.endpoint,
      pod,
      sessionTtl: brief,
      env: { HOLDFAST_NODE: `node-of-${pod}` },
    });

  const reportOf = async (pod: string): Promise<(SidecarReport & { key: RawKey }) | undefined> => {
    for (const key of await raw.under(prefix)) {
      const report = readReport({
        key: key.key,
        value: new TextEncoder().encode(key.value),
        createRevision: revision(key.createRevision),
        modRevision: revision(key.modRevision),
        lease: undefined,
      });
      if (report?.pod === pod) return { ...report, key };
    }
    return undefined;
  };

  const resource = async (pod: string, name: string) =>
    (await reportOf(pod))?.resources.find((one) => one.name === name);

  it("stands under the session's lease, says who it is, and goes with the session", async () => {
    {
      await using sidecar = await start("a");
      const report = await eventually("the report", () => reportOf("a"));
      const { body } = await sidecar.api.get("/v1/session");
      assert.equal(report.session, body["id"]);
      assert.equal(report.node, "node-of-a");
      assert.match(report.version, /^\d+\.\d+\.\d+/);
      const session = await raw.get(`/holdfast/v1/data/default/sessions/${report.session}`);
      assert.equal(report.key.lease, session?.lease);
      assert.notEqual(report.key.lease, "0");
      await sidecar.terminate();
    }
    assert.equal(await reportOf("a"), undefined);
  });

  it("says soon that a change of a resource is applied, and that one is gone", async () => {
    await using _ = await start("b");
    await eventually("the report", () => reportOf("b"));
    for (let generation = 2; generation < 6; generation++) {
      await operator.publish("orders", { generation });
      const published = (await raw.get(recordOf("orders")))?.modRevision ?? 0n;
      const since = performance.now();
      const seen = await eventually("the change", async () => {
        const report = await reportOf("b");
        return report !== undefined && report.applied >= published && report;
      });
      assert.equal(seen.resources.find(({ name }) => name === "orders")?.revision, published);
      assert.ok(performance.now() - since < 5_000, "far later than the operator counts on");
    }
    await operator.publish("brief");
    await eventually("the new one", () => resource("b", "brief"));
    await operator.unpublish("brief");
    await eventually("its end", async () => (await resource("b", "brief")) === undefined);
  });

  it("counts what each sidecar holds, and who waits there", async () => {
    await using one = await start("one");
    await using two = await start("two");
    const held = await hold(one, "orders/1");
    const other = await hold(two, "orders/2");
    const waiting = [
      acquire(one, "orders/1", { wait: "1m" }),
      acquire(two, "orders/1", { wait: "1m" }),
      acquire(two, "orders/1", { wait: "1m" }),
    ];
    // As one sees it: its own caller, and the place of the other sidecar, which stands for both of its own.
    await queued(one, "orders/1", 2);
    // A change of the resource makes them say it now; else it is up to 20 s later.
    await operator.publish("orders", { generation: 10 });
    await eventually("the sums of one", async () => {
      const sums = await resource("one", "orders");
      return sums?.held === 1 && sums.waiting === 1 && sums.oldestWaitSince !== undefined;
    });
    await eventually("the sums of two", async () => {
      const sums = await resource("two", "orders");
      return sums?.held === 1 && sums.waiting === 2;
    });
    await release(two, other);
    await release(one, held);
    const sidecars = [one, two, two];
    for (const [index, answer] of waiting.entries())
      void answer.then(({ body }) =>
        sidecars[index]?.api.delete(`/v1/grants/${String(body["grantId"])}`),
      );
    await Promise.all(waiting);
    // And nothing hurries them now: the ordinary pace tells it, too.
    await eventually("the new sums of one", async () => {
      const sums = await resource("one", "orders");
      return sums?.held === 0 && sums.waiting === 0 && sums.oldestWaitSince === undefined;
    });
  });

  it("names what this sidecar cannot serve", async () => {
    await using _ = await start("old");
    await operator.publish("modern", { level: 99 });
    await operator.publish("broken", { spec: { mode: "Mutex", ttl: "soon" } });
    await eventually(
      "too new",
      async () => (await resource("old", "modern"))?.problem === "tooNew",
    );
    await eventually(
      "invalid",
      async () => (await resource("old", "broken"))?.problem === "invalid",
    );
    assert.equal((await resource("old", "orders"))?.problem, undefined);
  });

  it("leaves nothing of a sidecar that is killed, once its lease is over", async () => {
    const sidecar = await start("killed");
    await eventually("the report", () => reportOf("killed"));
    process.kill(sidecar.pid, "SIGKILL");
    await sidecar.ended;
    await eventually("its end", async () => (await reportOf("killed")) === undefined);
    await sidecar[Symbol.asyncDispose]();
  });

  it("is not written in standalone mode: there is no operator", async () => {
    await using own = await EtcdServer.start({ noFsync: true });
    await using sidecar = await SidecarProcess.start({
      etcd: own.endpoint,
      resources: [mutex("orders")],
    });
    await hold(sidecar, "orders/1");
    assert.deepEqual(await new EtcdGateway(own.endpoint).under(prefix), []);
  });
});
