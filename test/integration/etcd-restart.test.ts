import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { EtcdServer } from "../support/etcd-server.ts";
import {
  acquire,
  grantOf,
  hold,
  queued,
  release,
  sessionOf,
  works,
} from "../support/lock-calls.ts";
import { LockTraffic } from "../support/lock-traffic.ts";
import { mutex, SidecarProcess } from "../support/sidecar-process.ts";

describe("an etcd that is restarted", function () {
  this.timeout(60_000);
  let etcd: EtcdServer;
  let a: SidecarProcess;
  let b: SidecarProcess;

  before(async () => {
    etcd = await EtcdServer.start();
    const options = { etcd: etcd.endpoint, resources: [mutex("orders")], sessionTtl: "20s" };
    a = await SidecarProcess.start({ ...options, pod: "pod-a" });
    b = await SidecarProcess.start({ ...options, pod: "pod-b" });
  });

  after(async () => {
    await a[Symbol.asyncDispose]();
    await b[Symbol.asyncDispose]();
    await etcd[Symbol.asyncDispose]();
  });

  for (const [how, restart] of [
    ["in good order", () => etcd.restart()],
    ["after a kill", () => etcd.kill().then(() => etcd.startAll())],
  ] as const) {
    it(`${how} ends no session: who holds goes on, who waits goes on waiting`, async () => {
      const lock = `orders/${encodeURIComponent(how)}`;
      const held = await hold(a, lock);
      const waiting = acquire(b, lock, { wait: "1m", ttl: "1m" });
      await queued(a, lock, 1);
      const { id } = await sessionOf(a);
      await restart();
      assert.equal((await grantOf(a, held)).status, 200);
      await release(a, held);
      const next = await waiting;
      assert.equal(next.status, 200);
      assert.ok(BigInt(String(next.body["fence"])) > held.fence);
      assert.equal((await b.api.delete(`/v1/grants/${String(next.body["grantId"])}`)).status, 204);
      assert.equal((await sessionOf(a)).id, id);
    });
  }

  it("under traffic makes no two hold at once, answers only 503 and 504, and leaves nothing held", async () => {
    const traffic = new LockTraffic([a, b], { locks: ["orders/t1", "orders/t2"], callers: 16 });
    for (let at = 0; at < 3; at++) {
      await traffic.grants(50);
      await etcd.kill();
      await etcd.startAll();
    }
    await traffic.grants(50);
    const { problems, fencesByLock } = await traffic.stop();
    assert.deepEqual(
      problems.filter((code) => !["backend_unreachable", "outcome_unknown"].includes(code)),
      [],
    );
    for (const fences of fencesByLock.values())
      assert.equal(new Set(fences).size, fences.length, "each grant has a fence of its own");
    await works(a, "orders/t1");
    await works(b, "orders/t2");
  });
});
