import assert from "node:assert/strict";
import { after, before, describe } from "mocha";
import { parseDurationMs } from "#api/fields/duration.ts";
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
import { eventually } from "../support/poll.ts";
import { brief, mutex, SidecarProcess } from "../support/sidecar-process.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { together } from "../support/together.ts";

const resources = [mutex("orders")];

/** How the network between a sidecar and its etcd fails. */
const failures: readonly [string, (proxy: TcpProxy) => void | Promise<void>][] = [
  ["requests are lost", (proxy) => proxy.cut("requests")],
  ["answers are lost", (proxy) => proxy.cut("answers")],
  [
    "both directions stand still",
    (proxy) => {
      proxy.hold("requests");
      proxy.hold("answers");
    },
  ],
  [
    "connections are reset and refused",
    async (proxy) => {
      await proxy.refuse();
      proxy.reset();
    },
  ],
];

describe("a sidecar cut off from its etcd", function () {
  this.timeout(60_000);
  let etcd: EtcdServer;

  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
  });

  after(() => etcd[Symbol.asyncDispose]());

  /** Whatever fails: grants are kept until the deadline, their holders are told before anyone else is granted, and all heals. */
  const cutOff = async (what: string, fail: (proxy: TcpProxy) => void | Promise<void>) => {
    const lock = `orders/${encodeURIComponent(what)}`;
    await using near = await SidecarProcess.start({ etcd: etcd.endpoint, resources });
    await using proxy = await TcpProxy.before(etcd.endpoint);
    await using far = await SidecarProcess.start({
      ...{ etcd: proxy.endpoint, resources },
      sessionTtl: brief,
    });
    const held = await hold(far, lock);
    const first = { askedAt: held.askedAt, answer: held.answer };
    const next = hold(near, lock, { wait: "1m" });
    await queued(far, lock, 1);
    await fail(proxy);

    // Every answer may renew the guarantee; it counts from its question.
    let guaranteedUntil = 0;
    let stated = first;
    while (stated.answer.status === 200) {
      const { guaranteedFor } = stated.answer.body;
      const until = stated.askedAt + parseDurationMs(String(guaranteedFor));
      guaranteedUntil = Math.max(guaranteedUntil, until);
      stated = { askedAt: performance.now(), answer: await grantOf(far, held) };
    }
    const toldAt = performance.now();
    assert.equal(stated.answer.status, 409);
    assert.equal(stated.answer.body["reason"], "sessionLost");

    const [tried, renewed] = await Promise.all([
      acquire(far, "orders/new", { wait: "100ms" }),
      far.api.post(`/v1/grants/${held.id}/renew`),
    ]);
    assert.ok([503, 504].includes(tried.status), tried.text);
    assert.equal(renewed.status, 409);

    const granted = await next;
    assert.ok(granted.answeredAt > guaranteedUntil, "not while a guarantee ran");
    assert.ok(granted.answeredAt > toldAt, "not before the holder was told");
    assert.ok(granted.fence > held.fence);

    const waiting = acquire(far, lock, { wait: "1m" });
    await proxy.heal();
    await release(near, granted);
    const back = await waiting;
    assert.equal(back.status, 200, back.text);
    assert.ok(BigInt(String(back.body["fence"])) > granted.fence);
    await works(far, "orders/new");
    assert.equal((await sessionOf(far)).state, "alive");
  };

  together({
    ...Object.fromEntries(
      failures.map(([what, fail]) => [
        `keeps its grants until the deadline and tells their holders before anyone else is granted: ${what}`,
        () => cutOff(what, fail),
      ]),
    ),

    "for a moment only loses nothing, and settles what was under way": async () => {
      // No other sidecar's start changes what this one knows of etcd while it is cut off.
      await using own = await EtcdServer.start({ noFsync: true });
      await using proxy = await TcpProxy.before(own.endpoint);
      await using near = await SidecarProcess.start({ etcd: own.endpoint, resources });
      await using far = await SidecarProcess.start({
        etcd: proxy.endpoint,
        resources,
        sessionTtl: "30s",
      });
      const held = await hold(far, "orders/kept");
      const { id } = await sessionOf(far);
      // Applied, but the answer never came.
      proxy.cutAnswers();
      const sent = proxy.arrival("answers");
      const waiting = hold(far, "orders/unsure", { wait: "1m" });
      await sent;
      await eventually("the place in etcd", async () => {
        const { body } = await near.api.get("/v1/locks/orders/unsure");
        return (body["holders"] as unknown[]).length === 1;
      });
      await proxy.heal();
      const settled = await waiting;
      assert.equal((await acquire(near, "orders/unsure")).status, 423);
      await release(far, settled);
      await works(near, "orders/unsure");
      assert.equal((await grantOf(far, held)).status, 200);
      assert.equal((await sessionOf(far)).id, id);
    },

    "answers 504 where the outcome is not known, and the repeated request finds out": async () => {
      // No other sidecar's start changes what this one knows of etcd while it is cut off.
      await using own = await EtcdServer.start({ noFsync: true });
      await using proxy = await TcpProxy.before(own.endpoint);
      await using near = await SidecarProcess.start({ etcd: own.endpoint, resources });
      await using far = await SidecarProcess.start({
        etcd: proxy.endpoint,
        resources,
        sessionTtl: "30s",
      });
      proxy.cutAnswers();
      const unsure = await acquire(far, "orders/asked", { requestId: "r1", wait: "200ms" });
      assert.equal(unsure.status, 504, unsure.text);
      assert.equal(unsure.body["code"], "outcome_unknown");
      assert.equal(unsure.body["requestId"], "r1");
      assert.match(String(unsure.body["detail"]), /same requestId/);
      await proxy.heal();
      const again = await eventually("an answer that decides", async () => {
        const answer = await acquire(far, "orders/asked", { requestId: "r1", wait: "10s" });
        return answer.status === 200 && answer;
      });
      assert.equal((await acquire(near, "orders/asked")).status, 423);
      const released = await far.api.delete(`/v1/grants/${String(again.body["grantId"])}`);
      assert.equal(released.status, 204);
      await works(near, "orders/asked");
    },
  });
});
