/** Several locks at once, as callers of two pods see them. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import type { EtcdGateway } from "../support/etcd-gateway.ts";
import {
  acquire,
  acquireSet,
  grantOf,
  hold,
  holdersOf,
  holdSet,
  queued,
  release,
  type OfSet,
} from "../support/lock-calls.ts";
import { eventually } from "../support/poll.ts";
import { mutex, pool, type SidecarProcess } from "../support/sidecar-process.ts";
import { startTwoPods, type TwoPods } from "../support/two-pods.ts";

type LockShown = Readonly<Record<"holders" | "waiters" | "reserved", { holder: string }[]>>;

describe("locks taken together", function () {
  this.timeout(60_000);
  let pods: TwoPods;
  let raw: EtcdGateway;
  let a: SidecarProcess;
  let b: SidecarProcess;

  before(async () => {
    pods = await startTwoPods([
      mutex("orders"),
      mutex("accounts", "ttl: 20s, maxTtl: 1m, maxHold: 1h, limits: {waitersPerLock: 1}"),
      mutex("narrow", "limits: {names: 2, grantsPerPod: 2}"),
      pool("documents", "mode: ReadWrite"),
      pool("licences", "mode: Semaphore, permits: 3"),
    ]);
    ({ raw, a, b } = pods);
  });

  after(() => pods[Symbol.asyncDispose]());

  const keysOf = (lock: string) => raw.under(`/holdfast/v1/data/default/locks/${lock}/`);
  const look = async (on: SidecarProcess, lock: string) => {
    const { body } = await on.api.get(`/v1/locks/${lock}`);
    const names = (of: { holder: string }[] = []) => of.map(({ holder }) => holder);
    const { holders, waiters, reserved } = body as unknown as LockShown;
    return { holders: names(holders), waiters: names(waiters), reserved: names(reserved) };
  };
  const noneOf = (locks: readonly string[]) =>
    eventually("no place of the set", async () => {
      const keys = await Promise.all(locks.map(keysOf));
      return keys.every(({ length }) => length === 0);
    });

  it("are held together, of several pools and modes, and renewed and released as one", async () => {
    const locks: OfSet[] = [
      "orders/1",
      "accounts/a/b",
      { lock: "documents/x", mode: "shared" },
      { lock: "licences/l", permits: 2 },
    ];
    const held = await holdSet(a, locks, { holder: "all", ttl: "30s" });
    const { body } = held.answer;
    const { fence } = body;
    assert.deepEqual(body["locks"], [
      { lock: "orders/1", mode: "exclusive", permits: 1, fence },
      { lock: "accounts/a/b", mode: "exclusive", permits: 1, fence },
      { lock: "documents/x", mode: "shared", permits: 1, fence },
      { lock: "licences/l", mode: "exclusive", permits: 2, fence },
    ]);
    assert.equal(body["lock"], undefined);
    const paths = ["orders/1", "accounts/a%2Fb", "documents/x", "licences/l"];
    for (const path of paths) assert.deepEqual(await holdersOf(a, path), ["all"], path);
    const shared = await hold(b, "documents/x", { mode: "shared" });
    for (const path of ["orders/1", "accounts/a%2Fb", "documents/x"])
      assert.equal((await acquire(b, path)).status, 423, path);
    assert.equal((await acquire(b, "licences/l", { permits: "2" })).status, 423);
    await release(b, shared);
    const renewed = await a.api.post(`/v1/grants/${held.id}/renew?ttl=50s`);
    assert.equal(renewed.body["ttl"], "50s", renewed.text);
    assert.deepEqual(renewed.body["locks"], body["locks"]);
    const tooLong = await a.api.post(`/v1/grants/${held.id}/renew?ttl=2m`);
    assert.equal(tooLong.status, 400);
    assert.match(tooLong.text, /maxTtl of pool 'accounts'/);
    await release(a, held);
    await release(a, held);
    for (const path of paths) assert.equal((await keysOf(path)).length, 0, path);
    assert.equal((await grantOf(a, held)).status, 409);
  });

  it("live by the strictest of their pools where the caller says nothing", async () => {
    const answer = await acquireSet(a, ["orders/ttl", "accounts/ttl"]);
    assert.equal(answer.body["ttl"], "20s", answer.text);
    await a.api.delete(`/v1/grants/${String(answer.body["grantId"])}`);
  });

  it("wait for all, and are shown as reserved until then", async () => {
    const second = await hold(a, "orders/second", { holder: "first-come" });
    const set = acquireSet(b, ["orders/first", "orders/second"], { wait: "30s", holder: "set" });
    await queued(a, "orders/second", 1);
    for (const on of [a, b]) {
      const seen = await look(on, "orders/first");
      assert.deepEqual(seen, { holders: [], waiters: [], reserved: ["set"] });
    }
    const refused = await acquire(a, "orders/first");
    assert.equal(refused.status, 423, refused.text);
    assert.equal(refused.body["holder"], "set");
    await release(a, second);
    const answer = await set;
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(await holdersOf(b, "orders/first"), ["set"]);
    await eventually("the other pod to see it held", async () => {
      const seen = await look(a, "orders/first");
      return seen.holders.includes("set") && seen.reserved.length === 0;
    });
    const kvs = [...(await keysOf("orders/first")), ...(await keysOf("orders/second"))];
    assert.equal(new Set(kvs.map(({ createRevision }) => createRevision)).size, 1);
    await b.api.delete(`/v1/grants/${String(answer.body["grantId"])}`);
  });

  it("are none of them held when the wait ends, and none is kept", async () => {
    const held = await hold(a, "orders/kept", { holder: "holder" });
    const locks = ["orders/free", "orders/kept", "documents/free"];
    const refused = await acquireSet(b, locks, { wait: "300ms" });
    assert.equal(refused.status, 423, refused.text);
    assert.equal(refused.body["lock"], "orders/kept");
    assert.equal(refused.body["holder"], "holder");
    await noneOf(["orders/free", "documents/free"]);
    const tried = await acquireSet(b, locks);
    assert.equal(tried.status, 423, tried.text);
    await noneOf(["orders/free", "documents/free"]);
    const leaving = new AbortController();
    const left = acquireSet(b, locks, { wait: "30s", signal: leaving.signal });
    await queued(a, "orders/kept", 1);
    leaving.abort();
    await assert.rejects(left);
    await noneOf(["orders/free", "documents/free"]);
    await release(a, held);
  });

  it("are had by everybody, in whatever order they are named, also beside busy single callers", async () => {
    const names = ["orders/p", "orders/q", "documents/r"];
    let turns = 0;
    const work = async (on: SidecarProcess, locks: readonly string[]): Promise<void> => {
      const held = await holdSet(on, locks, { wait: "50s" });
      turns += 1;
      await release(on, held);
    };
    const single = async (on: SidecarProcess, lock: string): Promise<void> => {
      for (let times = 0; times < 20; times++)
        await release(on, await hold(on, lock, { wait: "50s" }));
    };
    await Promise.all([
      ...[a, b].flatMap((on) => names.map((lock) => single(on, lock))),
      ...Array.from({ length: 10 }, (_, at) => [
        work(a, at % 2 === 0 ? names : names.toReversed()),
        work(b, [...names.slice(at % 3), ...names.slice(0, at % 3)]),
      ]).flat(),
    ]);
    assert.equal(turns, 20);
    await noneOf(names);
  });

  it("are the same set when the request is asked again, also while it waits", async () => {
    const ask = { wait: "30s", requestId: "again", ttl: "1m" };
    const held = await hold(a, "orders/r1");
    const first = acquireSet(b, ["orders/r1", "orders/r2"], ask);
    await queued(b, "orders/r1", 1);
    const second = acquireSet(b, ["orders/r2", "orders/r1"], ask);
    const other = await acquireSet(b, ["orders/r1"], ask);
    assert.equal(other.status, 409, other.text);
    assert.equal(other.body["code"], "request_reused");
    assert.match(String(other.body["detail"]), /other locks/);
    await release(a, held);
    const [one, again] = await Promise.all([first, second]);
    assert.equal(one.body["grantId"], again.body["grantId"]);
    assert.equal(one.status, 200, one.text);
    const third = await acquireSet(b, ["orders/r1", "orders/r2"], ask);
    assert.equal(third.body["grantId"], one.body["grantId"]);
    assert.equal((await acquireSet(b, ["orders/r3"], ask)).status, 409);
    await b.api.delete(`/v1/grants/${String(one.body["grantId"])}`);
    const over = await acquireSet(b, ["orders/r1", "orders/r2"], ask);
    assert.equal(over.body["code"], "grant_lost", over.text);
    const reused = await acquireSet(b, ["orders/r1", "orders/r3"], ask);
    assert.equal(reused.body["code"], "request_reused", reused.text);
  });

  it("of one are a set all the same, and another mode or number of permits is another request", async () => {
    const set = await holdSet(a, ["orders/alone"]);
    assert.equal((set.answer.body["locks"] as unknown[]).length, 1);
    await release(a, set);
    const one = await hold(a, "licences/id", { requestId: "permits", permits: "1" });
    const two = await acquire(a, "licences/id", { requestId: "permits", permits: "2" });
    assert.equal(two.body["code"], "request_reused", two.text);
    await release(a, one);
    const reader = await hold(a, "documents/id", { requestId: "mode", mode: "shared" });
    const waiting = acquire(a, "documents/id", { requestId: "other", wait: "20s" });
    await queued(a, "documents/id", 1);
    for (const requestId of ["mode", "other"]) {
      const mode = requestId === "mode" ? "exclusive" : "shared";
      const answer = await acquire(a, "documents/id", { requestId, mode, wait: "20s" });
      assert.equal(answer.body["code"], "request_reused", answer.text);
      assert.match(String(answer.body["detail"]), /another mode/);
    }
    await release(a, reader);
    assert.equal((await waiting).status, 200);
  });

  it("that cannot be asked for are refused by name", async () => {
    const many = Array.from({ length: 33 }, (_, at) => `orders/many-${at}`);
    const cases: [readonly OfSet[], object, number, string, RegExp][] = [
      [[], {}, 400, "malformed", /locks.*at least 1/],
      [many, {}, 429, "too_many_locks", /locks.*33.*at most 32.*locksPerRequest/],
      [["orders/1", "orders/2", "orders/1"], {}, 400, "malformed", /locks\[2\].*'orders\/1'/],
      [["orders/1", "nowhere/1"], {}, 404, "pool_not_found", /nowhere/],
      [
        ["orders/1", { lock: "orders/2", mode: "shared" }],
        {},
        400,
        "malformed",
        /locks\[1\]\.mode/,
      ],
      [[{ lock: "orders/2", mode: "shard" }], {}, 400, "malformed", /locks\[0\]\.mode.*'shard'/],
      [
        ["orders/1", { lock: "licences/1", permits: 4 }],
        {},
        409,
        "permits_exceed",
        /locks\[1\]\.permits/,
      ],
      [["orders/1", "accounts/1"], { ttl: "2m" }, 400, "malformed", /maxTtl of pool 'accounts'/],
      [["orders/1"], { wait: "11m" }, 429, "wait_too_long", /pool 'orders'/],
      [["narrow/1", "narrow/2", "narrow/3"], {}, 429, "too_many_names", /narrow/],
    ];
    for (const [locks, ask, status, code, says] of cases) {
      const answer = await acquireSet(a, locks, ask);
      assert.equal(answer.status, status, answer.text);
      assert.equal(answer.body["code"], code, answer.text);
      assert.match(String(answer.body["detail"]), says);
    }
    const { body } = await acquireSet(a, many);
    assert.deepEqual([body["field"], body["limit"], body["max"]], ["locks", "locksPerRequest", 32]);
    const held = await holdSet(a, ["narrow/1", "narrow/2"]);
    const more = await acquireSet(a, ["orders/1", "narrow/1"]);
    assert.equal(more.status, 423, more.text);
    await release(a, held);
    await noneOf(["orders/1", "narrow/1"]);
  });

  it("count as waiters of each lock, and as one grant each", async () => {
    const held = await hold(a, "accounts/busy");
    const set = acquireSet(b, ["orders/w", "accounts/busy"], { wait: "30s" });
    await queued(a, "accounts/busy", 1);
    const late = await acquireSet(a, ["accounts/busy"], { wait: "10s" });
    assert.equal(late.body["code"], "too_many_waiters", late.text);
    await release(a, held);
    const { body } = await set;
    await b.api.delete(`/v1/grants/${String(body["grantId"])}`);
    const one = await hold(a, "narrow/1");
    const grants = await acquireSet(a, ["orders/g", "narrow/1", "narrow/2"], { wait: "200ms" });
    assert.equal(grants.status, 423, grants.text);
    await release(a, one);
    const two = await holdSet(a, ["narrow/1", "narrow/2"]);
    await release(a, two);
    await noneOf(["orders/g", "narrow/1", "narrow/2"]);
  });

  it("end with their ttl, all of them, and the next caller has them", async () => {
    const lost = await holdSet(a, ["orders/t1", "documents/t2"], { ttl: "200ms" });
    const next = await holdSet(b, ["documents/t2", "orders/t1"], { wait: "20s" });
    assert.ok(next.fence > lost.fence);
    const over = await a.api.delete(`/v1/grants/${lost.id}`);
    assert.equal(over.body["code"], "grant_lost", over.text);
    await release(b, next);
  });

  it("are given back whole by the name of their holder", async () => {
    await holdSet(a, ["orders/h1", "orders/h2"], { holder: "earlier life" });
    const { body } = await a.api.delete("/v1/grants?holder=earlier%20life");
    assert.equal(body["released"], 1);
    await noneOf(["orders/h1", "orders/h2"]);
  });
});
