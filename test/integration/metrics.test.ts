/** What a sidecar's metrics say, and that each moves with what it tells of; some are seen in the tests of outages. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { sidecarFamilies } from "#tools/generate/metrics.ts";
import { EtcdServer } from "../support/etcd-server.ts";
import { familiesOf, metricOf } from "../support/exposition.ts";
import { acquire, hold, queued, release } from "../support/lock-calls.ts";
import { eventually } from "../support/poll.ts";
import { mutex, SidecarProcess } from "../support/sidecar-process.ts";

describe("the metrics of a sidecar", function () {
  this.timeout(60_000);
  let etcd: EtcdServer;
  let sidecar: SidecarProcess;

  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
    // Long enough for an etcd that stands still in between.
    sidecar = await SidecarProcess.start({
      ...{ etcd: etcd.endpoint, resources: [mutex("orders")], sessionTtl: "2m" },
    });
  });

  after(async () => {
    await sidecar[Symbol.asyncDispose]();
    await etcd[Symbol.asyncDispose]();
  });

  const value = async (series: string): Promise<number> => {
    const read = await metricOf(sidecar, series);
    assert.ok(read !== undefined, `${series} is not there`);
    return read;
  };
  const ofOrders = (family: string): Promise<number> => value(`${family}{pool="orders"}`);

  it("are those that the reference has, but for those of an identity, which it has none", async () => {
    const declared = sidecarFamilies()
      .filter(({ names }) => !names.name.startsWith("holdfast_identity_"))
      .map(({ names, kind }) => `${names.name}: ${kind}`);
    assert.deepEqual(await familiesOf(sidecar), declared.sort());
  });

  it("tell what runs, and what it takes", async () => {
    const { text } = await sidecar.health.get("/metrics");
    assert.match(text, /^holdfast_build_info\{version="\d+\.\d+\.\d+",node="24\..+"\} 1$/m);
    assert.ok((await value("process_resident_memory_bytes")) > 1_000_000);
    const before = await value("process_cpu_seconds_total");
    await eventually("more CPU", async () => (await value("process_cpu_seconds_total")) > before);
  });

  it("count grants by how they ended, and show those that stand", async () => {
    await ofNothing();
    const held = await hold(sidecar, "orders/released");
    assert.equal(await ofOrders("holdfast_lock_granted_total"), 1);
    assert.equal(await ofOrders("holdfast_lock_held"), 1);
    await release(sidecar, held);
    assert.equal(await ofOrders("holdfast_lock_released_total"), 1);
    assert.equal(await ofOrders("holdfast_lock_held"), 0);
    await hold(sidecar, "orders/expired", { ttl: "100ms" });
    await eventually("its end", async () => (await ofOrders("holdfast_lock_expired_total")) === 1);
    assert.equal(await ofOrders("holdfast_lock_lost_total"), 0);
  });

  /** A pool that nobody has used has no series. */
  async function ofNothing(): Promise<void> {
    assert.equal(await metricOf(sidecar, 'holdfast_lock_granted_total{pool="orders"}'), undefined);
  }

  it("count a lock that passes from caller to caller, and show who waits for an answer", async () => {
    const before = await ofOrders("holdfast_lock_handovers_total");
    const held = await hold(sidecar, "orders/passed");
    assert.equal(await value("holdfast_http_requests_in_flight"), 0);
    const next = hold(sidecar, "orders/passed", { wait: "1m" });
    await queued(sidecar, "orders/passed", 1);
    assert.equal(await value("holdfast_http_requests_in_flight"), 1);
    assert.ok((await value("holdfast_http_connections")) >= 1);
    await release(sidecar, held);
    await release(sidecar, await next);
    assert.equal(await ofOrders("holdfast_lock_handovers_total"), before + 1);
    await eventually(
      "the answers",
      async () => (await value("holdfast_http_requests_in_flight")) === 0,
    );
  });

  it("show how long guarantees run, what waits and what is repeated, while etcd stands still", async () => {
    const deadline = (): Promise<number> => value("holdfast_session_deadline_seconds");
    const waiting = (): Promise<number> => value("holdfast_etcd_writes_waiting");
    const intents = (): Promise<number> => value("holdfast_session_intents");
    const held = await hold(sidecar, "orders/kept");
    assert.deepEqual([await waiting(), await intents()], [0, 0]);
    await etcd.pause();
    try {
      const released = sidecar.api.delete(`/v1/grants/${held.id}`);
      await eventually("the release to be repeated", async () => (await intents()) > 0);
      const before = await deadline();
      assert.ok(before > 0 && before <= 120);
      await eventually("less time", async () => (await deadline()) < before);
      const asked: Promise<unknown>[] = [released];
      // Two batches are under way at a time: one of a few writes has to wait, each sent when the one before it was.
      await eventually("a write that waits", async () => {
        asked.push(acquire(sidecar, `orders/waits-${asked.length}`, { wait: "1ms" }));
        return (await waiting()) > 0;
      });
      etcd.resume();
      await Promise.all(asked);
    } finally {
      etcd.resume();
    }
    await eventually("the batches", async () => (await waiting()) === 0);
    await eventually("the release", async () => (await intents()) === 0);
  });
});
