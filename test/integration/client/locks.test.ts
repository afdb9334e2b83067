import assert from "node:assert/strict";
import process from "node:process";
import { after, afterEach, before, beforeEach, describe, it } from "mocha";
import { HoldfastError, type Holdfast } from "#client/holdfast.ts";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { holdersOf, queued } from "#test/support/lock-calls.ts";
import { eventually, inTime } from "#test/support/poll.ts";
import { mutex, pool, SidecarProcess } from "#test/support/sidecar-process.ts";
import { clientOf, urlOf } from "./support.ts";

describe("the client on a real sidecar", function () {
  this.timeout(60_000);
  let etcd: EtcdServer;
  let sidecar: SidecarProcess;
  let holdfast: Holdfast;

  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
    const limits = "limits: {waitersPerLock: 2, wait: 1m}";
    const resources = [
      ...[mutex("orders"), mutex("small", limits), mutex("brief", "maxHold: 1s")],
      pool("pages", "mode: ReadWrite"),
      pool("licences", "mode: Semaphore, permits: 3"),
    ];
    sidecar = await SidecarProcess.start({ etcd: etcd.endpoint, resources, pod: "pod-a" });
  });

  after(async () => {
    await sidecar[Symbol.asyncDispose]();
    await etcd[Symbol.asyncDispose]();
  });

  beforeEach(() => {
    holdfast = clientOf(sidecar);
  });

  afterEach(() => holdfast.close());

  it("uses a lock: held while the work runs, free after it", async () => {
    const orders = holdfast.locks("orders");
    const options = { wait: "10s", holder: "worker-1", metadata: { job: "7", why: "näher" } };
    const fence = await orders.using("42", options, async (grant, signal) => {
      assert.equal(grant.lock, "orders/42");
      assert.equal(grant.holder, "worker-1");
      assert.ok(grant.isHeld && !signal.aborted);
      assert.ok(grant.guaranteedForMs > 0 && grant.guaranteedForMs <= 9_000);
      assert.ok(Math.abs(grant.acquiredAt.getTime() - Date.now()) < 60_000);
      assert.ok((grant.expiresAt?.getTime() ?? 0) > Date.now());
      const [holder] = (await orders.get("42")).holders;
      assert.equal(holder?.holder, "worker-1");
      assert.equal(holder.pod, "pod-a");
      assert.deepEqual(holder.metadata, { job: "7", why: "näher" });
      assert.equal(holder.fence, grant.fence);
      assert.equal(await orders.tryAcquire("42"), undefined);
      return grant.fence;
    });
    assert.deepEqual((await orders.get("42")).holders, []);
    const next = await orders.acquire("42");
    assert.ok(BigInt(next.fence) > BigInt(fence));
    await next.release();
  });

  it("gives the lock to one caller after the other, and each its turn", async () => {
    const orders = holdfast.locks("orders");
    let inside = 0;
    let turns = 0;
    await Promise.all(
      Array.from({ length: 200 }, () =>
        orders.using("hot", { wait: "30s" }, async (grant) => {
          inside += 1;
          turns += 1;
          assert.equal(inside, 1);
          await new Promise((resolve) => setImmediate(resolve));
          assert.ok(grant.isHeld);
          inside -= 1;
        }),
      ),
    );
    assert.equal(turns, 200);
  });

  it("keeps a lock for longer than its ttl, as long as it is used", async () => {
    const orders = holdfast.locks("orders");
    await orders.using("kept", { ttl: "4s" }, async (grant) => {
      const first = grant.expiresAt;
      const other = orders.acquire("kept", { wait: "5s" });
      await assert.rejects(other, { code: "lock_held" });
      assert.ok(grant.isHeld);
      assert.ok((grant.expiresAt ?? 0) > (first ?? 0));
    });
  });

  it("lets a lock go that is not renewed, and tells its holder", async () => {
    const orders = holdfast.locks("orders");
    const grant = await orders.acquire("let-go", { ttl: "300ms", renew: false });
    const loss = await inTime("the loss", grant.lost);
    assert.equal(loss.code, "grant_lost");
    assert.ok(grant.signal.aborted && !grant.isHeld);
    const next = await orders.acquire("let-go", { wait: "5s" });
    await next.release();
    await grant.release();
  });

  it("renews by hand, with another ttl", async () => {
    const grant = await holdfast.locks("orders").acquire("by-hand", { renew: false });
    assert.equal(grant.ttl, "30s");
    await grant.renew("5m");
    assert.equal(grant.ttl, "5m");
    assert.ok((grant.expiresAt?.getTime() ?? 0) - Date.now() > 200_000);
    await grant.release();
    await assert.rejects(grant.renew(), { code: "grant_lost" });
  });

  it("tells when the pool's maxHold ends the grant", async () => {
    const used = holdfast.locks("brief").using("1", async (grant) => {
      await inTime("the loss", grant.lost);
    });
    await assert.rejects(used, { code: "grant_lost" });
    const next = await holdfast.locks("brief").acquire("1", { wait: "5s" });
    await next.release();
  });

  it("is told of a release by others at the next third", async () => {
    const grant = await holdfast.locks("orders").acquire("taken", { holder: "me" });
    assert.equal(await holdfast.releaseHolder("me"), 1);
    const loss = await inTime("the loss", grant.lost);
    assert.ok(HoldfastError.is(loss, "grant_lost"));
    assert.equal(loss.facts.reason, "released");
  });

  it("holds by the session: another life of the app asks with the same id and has the same grant", async () => {
    const options = { hold: "session", requestId: "pods-own", holder: "app" } as const;
    const first = clientOf(sidecar);
    const grant = await first.locks("orders").acquire("pods-own", options);
    assert.equal(grant.ttl, undefined);
    assert.equal(grant.expiresAt, undefined);
    const again = await holdfast.locks("orders").acquire("pods-own", options);
    assert.equal(again.grantId, grant.grantId);
    assert.equal(again.fence, grant.fence);
    await again.release();
    await first.close();
  });

  it("tells who holds a lock that could not be had", async () => {
    const orders = holdfast.locks("orders");
    const grant = await orders.acquire("told", { holder: "worker-1" });
    await assert.rejects(orders.acquire("told", { wait: "100ms" }), (error: unknown) => {
      assert.ok(HoldfastError.is(error, "lock_held"));
      assert.equal(error.status, 423);
      assert.equal(error.facts.holder, "worker-1");
      assert.equal(error.facts.pod, "pod-a");
      assert.match(error.message, /orders\/told.*is held/);
      return true;
    });
    await grant.release();
  });

  it("shares a lock with others that ask so, and with nobody else", async () => {
    const pages = holdfast.locks("pages");
    const readers = [
      await pages.acquire("1", { mode: "shared" }),
      await pages.acquire("1", { mode: "shared" }),
    ];
    assert.deepEqual(
      readers.map(({ mode }) => mode),
      ["shared", "shared"],
    );
    assert.equal(await pages.tryAcquire("1"), undefined);
    const writing = pages.acquire("1", { wait: "20s" });
    for (const reader of readers) await reader.release();
    const writer = await writing;
    assert.equal(writer.mode, "exclusive");
    assert.ok(readers.every(({ fence }) => BigInt(fence) < BigInt(writer.fence)));
    assert.equal(await pages.tryAcquire("1", { mode: "shared" }), undefined);
    await writer.release();
  });

  it("takes permits, all or none", async () => {
    const licences = holdfast.locks("licences");
    const two = await licences.acquire("cad", { permits: 2 });
    assert.equal(two.permits, 2);
    assert.equal(await licences.tryAcquire("cad", { permits: 2 }), undefined);
    const one = await licences.acquire("cad");
    assert.equal(one.permits, 1);
    await Promise.all([two.release(), one.release()]);
    const exceeding = licences.acquire("cad", { permits: 4, wait: "1s" });
    await assert.rejects(exceeding, { code: "permits_exceed", status: 409 });
  });

  it("tells which limit was met, and when to come again", async () => {
    const small = holdfast.locks("small");
    const grant = await small.acquire("1");
    const waits = ["a", "b"].map((holder) => small.acquire("1", { wait: "30s", holder }));
    await queued(sidecar, "small/1", 2);
    await assert.rejects(small.acquire("1", { wait: "30s" }), (error: unknown) => {
      assert.ok(HoldfastError.is(error, "too_many_waiters"));
      assert.equal(error.facts.limit, "waitersPerLock");
      assert.equal(error.facts.value, 2);
      assert.equal(error.retryAfterMs, 1_000);
      return true;
    });
    await assert.rejects(small.acquire("2", { wait: "2m" }), { code: "wait_too_long" });
    await grant.release();
    for (const wait of waits) await (await wait).release();
  });

  it("names what is wrong with a request", async () => {
    const none = holdfast.locks("nonsense").acquire("1", { wait: "1s" });
    await assert.rejects(none, {
      code: "pool_not_found",
      status: 404,
      facts: { pool: "nonsense" },
    });
    const control = holdfast.locks("orders").acquire("a\u0000b");
    await assert.rejects(control, { code: "malformed", status: 400 });
  });

  it("names an option that there is not, of one lock and of several", async () => {
    const misspelt = { wiat: "5s" } as object;
    for (const asked of [
      holdfast.locks("orders").acquire("misspelt", misspelt),
      holdfast.all([{ pool: "orders", name: "misspelt" }]).acquire(misspelt),
    ])
      await assert.rejects(asked, ({ code, message }: HoldfastError) => {
        assert.equal(code, "malformed");
        assert.match(message, /wiat/);
        return true;
      });
    assert.deepEqual((await holdfast.locks("orders").get("misspelt")).holders, []);
  });

  it("takes any name", async () => {
    for (const name of ["a/b", "ü ñ 日本", "%", ".", "..", "a?b#c", "x".repeat(512)]) {
      const grant = await holdfast.locks("orders").acquire(name);
      assert.equal(grant.lock, `orders/${name}`);
      assert.equal((await holdfast.locks("orders").get(name)).lock, `orders/${name}`);
      await grant.release();
    }
  });

  it("lists a pool page by page", async () => {
    const orders = holdfast.locks("orders");
    const grants = [];
    for (const name of ["p1", "p2", "p3"]) grants.push(await orders.acquire(`list/${name}`));
    const first = await orders.list({ prefix: "list/", limit: 2 });
    assert.deepEqual(
      first.locks.map(({ lock }) => lock),
      ["orders/list/p1", "orders/list/p2"],
    );
    assert.ok(first.totals.held >= 3);
    const second = await orders.list({ prefix: "list/", continue: first.continue });
    assert.deepEqual(
      second.locks.map(({ lock }) => lock),
      ["orders/list/p3"],
    );
    assert.equal(second.continue, undefined);
    await Promise.all(grants.map((grant) => grant.release()));
  });

  it("leaves a wait at once when its signal aborts, and its place in the queue", async () => {
    const orders = holdfast.locks("orders");
    const grant = await orders.acquire("left");
    const caller = new AbortController();
    const waiting = orders.acquire("left", { wait: "30s", signal: caller.signal });
    await queued(sidecar, "orders/left", 1);
    caller.abort(new Error("went away"));
    await assert.rejects(waiting, /went away/);
    await queued(sidecar, "orders/left", 0);
    await grant.release();
    assert.ok(await orders.tryAcquire("left"));
  });

  it("leaves nothing held, whenever waits are aborted while the lock goes round", async () => {
    const orders = holdfast.locks("orders");
    const fates = { got: 0, left: 0 };
    await Promise.all(
      Array.from({ length: 300 }, async (_, i) => {
        const caller = new AbortController();
        const used = orders.using("round", { wait: "30s", signal: caller.signal }, async () => {
          await new Promise((resolve) => setImmediate(resolve));
        });
        // From at once to some while after it may have been granted.
        for (let turn = 0; turn < i; turn++) await new Promise((resolve) => setImmediate(resolve));
        caller.abort();
        await used.then(
          () => (fates.got += 1),
          (error: unknown) => {
            assert.equal((error as Error).name, "AbortError");
            fates.left += 1;
          },
        );
      }),
    );
    assert.ok(fates.left > 0, "none was left");
    await eventually("the lock to be free", async () => {
      const { holders, waiters } = await orders.get("round");
      return holders.length === 0 && waiters.length === 0;
    });
  });

  it("gives back all that it holds when it closes", async () => {
    const other = clientOf(sidecar);
    const grants = [];
    for (let i = 0; i < 5; i++) grants.push(await other.locks("orders").acquire(`closing-${i}`));
    const waiting = other.locks("orders").acquire("closing-0", { wait: "30s" });
    waiting.catch(() => undefined);
    await queued(sidecar, "orders/closing-0", 1);
    await other.close();
    await assert.rejects(waiting, { code: "client_closed" });
    for (let i = 0; i < 5; i++)
      assert.deepEqual(await holdersOf(sidecar, `orders/closing-${i}`), []);
    assert.ok(grants.every((grant) => grant.signal.aborted));
    await assert.rejects(other.locks("orders").acquire("x"), { code: "client_closed" });
  });

  it("finds the sidecar by HOLDFAST_URL, and says how to mend it where there is none", async () => {
    const { connect } = await import("#client/holdfast.ts");
    const before = process.env["HOLDFAST_URL"];
    try {
      process.env["HOLDFAST_URL"] = urlOf(sidecar);
      await using found = connect();
      await (await found.locks("orders").acquire("by-env")).release();
    } finally {
      if (before === undefined) delete process.env["HOLDFAST_URL"];
      else process.env["HOLDFAST_URL"] = before;
    }
    await using nobody = connect({ url: "http://localhost:1" });
    const expected = { code: "sidecar_unreachable", message: /holdfast\.dev\/inject=enabled/ };
    await assert.rejects(nobody.locks("orders").acquire("1"), expected);
    await assert.rejects(nobody.locks("orders").get("1"), expected);
  });

  it("takes several locks together: all or none, renewed and given back as one", async () => {
    const wanted = [
      { pool: "orders", name: "together" },
      { pool: "pages", name: "together", mode: "shared" as const },
      { pool: "licences", name: "together", permits: 2 },
    ];
    const set = holdfast.all(wanted);
    await set.using({ wait: "10s", ttl: "4s" }, async (grant) => {
      assert.deepEqual(
        grant.locks.map(({ lock, mode, permits }) => [lock, mode, permits]),
        [
          ["orders/together", "exclusive", 1],
          ["pages/together", "shared", 1],
          ["licences/together", "exclusive", 2],
        ],
      );
      assert.equal(await holdfast.locks("orders").tryAcquire("together"), undefined);
      assert.equal(await holdfast.all(wanted.toReversed()).tryAcquire(), undefined);
      await grant.renew("1m");
      assert.equal(grant.ttl, "1m");
    });
    const other = await holdfast.locks("licences").acquire("together", { permits: 2 });
    await assert.rejects(set.acquire({ wait: "100ms" }), (error: unknown) => {
      assert.ok(HoldfastError.is(error, "lock_held"));
      assert.equal(error.facts.lock, "licences/together");
      return true;
    });
    await (await holdfast.locks("orders").acquire("together", { wait: "5s" })).release();
    await other.release();
  });
});
