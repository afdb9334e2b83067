import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { EtcdGateway } from "../support/etcd-gateway.ts";
import { EtcdServer } from "../support/etcd-server.ts";
import { acquire, grantOf, hold, queued, release, sessionOf } from "../support/lock-calls.ts";
import { eventually } from "../support/poll.ts";
import { Operator } from "../support/operator.ts";
import { mutex, SidecarProcess } from "../support/sidecar-process.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

describe("an etcd that is compacted", function () {
  this.timeout(60_000);

  it("beyond what a cut-off sidecar has seen makes it read again: it misses no release and no change", async () => {
    await using etcd = await EtcdServer.start({ noFsync: true });
    const raw = new EtcdGateway(etcd.endpoint);
    const operator = new Operator(raw);
    await operator.install();
    await operator.publish("orders", { spec: { mode: "Mutex", ttl: "20s" } });
    await operator.publish("other");
    await using near = await SidecarProcess.start({ etcd: etcd.endpoint });
    await using proxy = await TcpProxy.before(etcd.endpoint);
    await using far = await SidecarProcess.start({ etcd: proxy.endpoint, sessionTtl: "30s" });
    const first = await hold(near, "orders/1");
    const kept = await hold(far, "orders/kept");
    const waiting = acquire(far, "orders/1", { wait: "1m" });
    await queued(near, "orders/1", 1);
    const { id } = await sessionOf(far);

    // Cut off: what happens now it sees only later, and then only what is left.
    proxy.cut("answers");
    await release(near, first);
    await operator.publish("orders", { spec: { mode: "Mutex", ttl: "7s" }, generation: 2 });
    await operator.unpublish("other");
    for (let at = 0; at < 20; at++) await raw.put("noise", String(at));
    await raw.compact();
    await proxy.heal();

    const granted = await waiting;
    assert.equal(granted.status, 200);
    assert.equal(granted.body["ttl"], "7s");
    assert.ok(BigInt(String(granted.body["fence"])) > first.fence);
    await eventually("the deleted pool to be gone", async () => {
      return (await acquire(far, "other/1")).body["code"] === "pool_not_found";
    });
    assert.equal((await grantOf(far, kept)).status, 200);
    assert.equal((await sessionOf(far)).id, id, "no session was lost by it");
  });

  it("again and again while locks change hands loses nothing", async () => {
    await using etcd = await EtcdServer.start({ noFsync: true });
    const raw = new EtcdGateway(etcd.endpoint);
    const resources = [mutex("orders")];
    await using a = await SidecarProcess.start({ etcd: etcd.endpoint, resources });
    await using b = await SidecarProcess.start({ etcd: etcd.endpoint, resources });
    let done = 0;
    const work = async (sidecar: SidecarProcess) => {
      for (let at = 0; at < 25; at++)
        await release(sidecar, await hold(sidecar, "orders/hot", { wait: "1m" }));
      done += 1;
    };
    const callers = [a, b, a, b].map(work);
    while (done < callers.length) await raw.compact();
    await Promise.all(callers);
  });
});
