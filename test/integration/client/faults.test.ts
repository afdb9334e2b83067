/** What the client makes of a sidecar that stands still, dies, or whose answers are lost. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { connect, HoldfastError } from "#client/holdfast.ts";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { holdersOf, queued, works } from "#test/support/lock-calls.ts";
import { eventually, inTime } from "#test/support/poll.ts";
import { brief, mutex, SidecarProcess } from "#test/support/sidecar-process.ts";
import { TcpProxy } from "#test/support/tcp-proxy.ts";
import { clientOf, urlOf } from "./support.ts";

const resources = [mutex("orders")];

describe("the client and a sidecar that fails", function () {
  this.timeout(90_000);
  let etcd: EtcdServer;
  /** Nothing happens to this one. */
  let near: SidecarProcess;

  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
    near = await start();
  });

  after(async () => {
    await near[Symbol.asyncDispose]();
    await etcd[Symbol.asyncDispose]();
  });

  const start = (options: { sessionTtl?: string; env?: Record<string, string> } = {}) =>
    SidecarProcess.start({ etcd: etcd.endpoint, resources, ...options });

  /** Warnings are expected: something is given up. */
  const patient = { onWarning: () => undefined };

  it("learns that its guarantee has lapsed from a sidecar that stands still, before anybody else is granted", async () => {
    await using far = await start({ sessionTtl: brief });
    await using holdfast = clientOf(far, patient);
    await using others = clientOf(near);
    const grant = await holdfast.locks("orders").acquire("still");
    let grantedAt: number | undefined;
    const next = others.locks("orders").acquire("still", { wait: "1m" });
    void next.then(() => (grantedAt = performance.now()));
    await queued(near, "orders/still", 1);
    await far.pause();
    const guaranteedUntil = performance.now() + grant.guaranteedForMs;
    const loss = await inTime("the loss", grant.lost);
    assert.equal(loss.facts["reason"], "lapsed");
    assert.ok(grant.signal.aborted && !grant.isHeld);
    const granted = await inTime("the next grant", next);
    assert.ok((grantedAt ?? 0) >= guaranteedUntil, "not while a guarantee ran");
    assert.ok(BigInt(granted.fence) > BigInt(grant.fence));
    // It stays lost for its holder, whatever the sidecar says when it wakes.
    far.resume();
    await grant.release();
    assert.ok(granted.isHeld);
    await granted.release();
  });

  it("is told of the loss when the sidecar is killed", async () => {
    await using far = await start({ sessionTtl: brief });
    await using holdfast = clientOf(far, patient);
    await using others = clientOf(near);
    const used = holdfast.locks("orders").using("killed", async (grant, signal) => {
      await far.kill();
      await inTime(
        "the abort",
        new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true })),
      );
      assert.equal(grant.isHeld, false);
      signal.throwIfAborted();
    });
    await assert.rejects(used, { code: "grant_lost" });
    const next = await others.locks("orders").acquire("killed", { wait: "1m" });
    await next.release();
  });

  it("settles an answer that was lost by the request's id: one grant, and it is held", async () => {
    await using proxy = await TcpProxy.before(urlOf(near));
    await using holdfast = connect({ url: proxy.endpoint });
    // The connection is there already: only the answer is lost, and then the connection.
    await holdfast.locks("orders").get("cut");
    proxy.cutAnswers();
    const answered = proxy.arrival("answers");
    const acquiring = holdfast.locks("orders").acquire("cut", { wait: "20s" });
    await answered;
    assert.equal((await holdersOf(near, "orders/cut")).length, 1);
    await proxy.heal();
    const grant = await inTime("the grant", acquiring);
    const { holders } = await clientOf(near).locks("orders").get("cut");
    assert.deepEqual(
      holders.map(({ fence }) => fence),
      [grant.fence],
    );
    await grant.release();
    await works(near, "orders/cut");
  });

  it("gives back what was granted after the caller had left, though no answer could be heard", async () => {
    await using sidecar = await start();
    await using proxy = await TcpProxy.before(urlOf(sidecar));
    await using holdfast = connect({ url: proxy.endpoint });
    await holdfast.locks("orders").get("late");
    proxy.cutAnswers();
    const answered = proxy.arrival("answers");
    const caller = new AbortController();
    const options = { wait: "20s", hold: "session", signal: caller.signal } as const;
    const acquiring = holdfast.locks("orders").acquire("late", options);
    await answered;
    caller.abort(new Error("went away"));
    await assert.rejects(acquiring, /went away/);
    // It does not end by itself: hold is the session.
    assert.equal((await holdersOf(sidecar, "orders/late")).length, 1);
    await proxy.heal();
    await eventually("the lock to be free", async () => {
      return (await holdersOf(sidecar, "orders/late")).length === 0;
    });
  });

  it("gives back a late grant when the wait was aborted while the sidecar stood still", async () => {
    await using sidecar = await start();
    await using holdfast = clientOf(sidecar, patient);
    const orders = holdfast.locks("orders");
    const first = await orders.acquire("aborted");
    const caller = new AbortController();
    const options = { wait: "30s", hold: "session", signal: caller.signal } as const;
    const waiting = orders.acquire("aborted", options);
    await queued(sidecar, "orders/aborted", 1);
    await sidecar.pause();
    const released = first.release();
    caller.abort(new Error("went away"));
    await assert.rejects(waiting, /went away/);
    sidecar.resume();
    await released;
    await works(sidecar, "orders/aborted");
  });

  it("releases for certain, though the answer to its release is lost", async () => {
    await using proxy = await TcpProxy.before(urlOf(near));
    await using holdfast = connect({ url: proxy.endpoint });
    const grant = await holdfast.locks("orders").acquire("released", { hold: "session" });
    proxy.cut("requests");
    const releasing = grant.release();
    await proxy.arrival("requests");
    assert.equal((await holdersOf(near, "orders/released")).length, 1);
    await proxy.heal();
    await inTime("the release", releasing);
    await works(near, "orders/released");
  });

  it("does not take a 504 for an answer: it asks again with the same id", async () => {
    await using own = await EtcdServer.start({ noFsync: true });
    await using proxy = await TcpProxy.before(own.endpoint);
    await using near = await SidecarProcess.start({ etcd: own.endpoint, resources });
    const options = { etcd: proxy.endpoint, resources, sessionTtl: "30s" };
    await using far = await SidecarProcess.start(options);
    await using holdfast = clientOf(far);
    proxy.cutAnswers();
    const sent = proxy.arrival("answers");
    const acquiring = holdfast.locks("orders").acquire("unsure", { wait: "200ms" });
    await sent;
    await eventually("the place in etcd", async () => {
      return (await holdersOf(near, "orders/unsure")).length === 1;
    });
    await eventually("a 504", async () => {
      const { text } = await far.health.get("/metrics");
      return /operation="acquireLock",status="504"\} [1-9]/.test(text);
    });
    await proxy.heal();
    const grant = await inTime("the grant", acquiring);
    assert.ok(grant.isHeld);
    assert.equal((await holdersOf(near, "orders/unsure")).length, 1);
    await grant.release();
    await works(near, "orders/unsure");
  });

  it("waits for a sidecar that restarts, and is told that the old grant is over", async () => {
    const first = await start({ sessionTtl: brief });
    const { port } = first.api;
    await using holdfast = clientOf(first, patient);
    const old = await holdfast.locks("orders").acquire("restarted");
    await first[Symbol.asyncDispose]();
    const address = { HOLDFAST_HTTP_ADDRESS: `127.0.0.1:${port}` };
    const starting = start({ sessionTtl: brief, env: address });
    const grant = await eventually("a grant", () =>
      holdfast.locks("orders").acquire("other", { wait: "30s" }),
    );
    await using _second = await starting;
    const loss = await inTime("the loss", old.lost);
    assert.ok(HoldfastError.is(loss, "grant_lost"));
    await grant.release();
    await old.release();
  });
});
