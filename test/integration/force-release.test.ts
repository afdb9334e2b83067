/** Locks taken from their holders: over real sidecars on a real etcd. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import type { Answer } from "../support/http-client.ts";
import { EtcdServer } from "../support/etcd-server.ts";
import { EventStream } from "../support/event-stream.ts";
import { metricOf } from "../support/exposition.ts";
import { grantOf, hold, holdersOf, queued, release } from "../support/lock-calls.ts";
import { eventually } from "../support/poll.ts";
import { brief, mutex, pool, SidecarProcess } from "../support/sidecar-process.ts";

describe("a forced release", function () {
  this.timeout(60_000);
  let etcd: EtcdServer;
  /** Whoever forces. */
  let admin: SidecarProcess;
  let holding: SidecarProcess;

  const resources = [
    ...[mutex("orders", "maxHold: 1h"), mutex("open", "admin: Anyone")],
    ...[mutex("kept", "admin: Nobody"), pool("permits", "mode: Semaphore, permits: 3")],
  ];
  const start = (pod: string, env = {}) =>
    SidecarProcess.start({ etcd: etcd.endpoint, resources, pod, sessionTtl: brief, env });
  const force = (lock: string, query = "", sidecar = admin): Promise<Answer> =>
    sidecar.api.post(`/v1/locks/${lock}/force-release${query}`);
  const outcomeOf = async (answer: Promise<Answer>): Promise<unknown> => {
    const { status, text, body } = await answer;
    assert.equal(status, 200, text);
    return body["outcome"];
  };
  const joins = (id: string): Promise<EventStream> =>
    EventStream.open(holding.api, "GET", `/v1/grants/${id}/events`);

  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
    [admin, holding] = await Promise.all([
      start("pod-a", { HOLDFAST_ADMIN: "true" }),
      start("pod-b"),
    ]);
  });

  after(async () => {
    await Promise.all([admin[Symbol.asyncDispose](), holding[Symbol.asyncDispose]()]);
    await etcd[Symbol.asyncDispose]();
  });

  it("is for pods that the pool lets, and names what the others lack", async () => {
    const refused = await force("orders/1", "", holding);
    assert.equal(refused.status, 403);
    assert.equal(refused.body["code"], "not_admin");
    assert.equal(refused.body["annotation"], "holdfast.dev/admin");
    assert.match(String(refused.body["detail"]), /holdfast\.dev\/admin: enabled/);
    assert.equal((await force("kept/1")).body["admin"], "Nobody");
    assert.equal(await outcomeOf(force("open/1", "", holding)), "vacant");
    assert.equal(await outcomeOf(force("orders/1")), "vacant");
  });

  it("is refused where it makes no sense, by field", async () => {
    for (const [query, field] of [
      ["?grace=1s&breakGuarantee=true", "grace"],
      ["?grace=-1s", "grace"],
      ["?grace=25h", "grace"],
      ["?fence=x", "fence"],
      ["?wait=11m", "wait"],
      ["?breakGuarantee=yes", "breakGuarantee"],
    ] as const) {
      const answer = await force("orders/1", query);
      assert.equal(answer.status, 400, answer.text);
      assert.equal(answer.body["field"], field);
    }
  });

  it("is told to the holder, who may release in time", async () => {
    const held = await hold(holding, "orders/asked");
    await using stream = await joins(held.id);
    await stream.next("granted");
    const forced = force("orders/asked", "?grace=1m&wait=30s");
    const { by, grace, deadline } = await stream.next("revokeRequested");
    assert.equal(by, "pod-a");
    assert.match(String(grace), /^(1m|59\.\d+s)$/);
    assert.ok(Date.parse(String(deadline)) > Date.now() + 30_000);
    await using late = await joins(held.id);
    await late.next("granted");
    await late.next("revokeRequested");
    await release(holding, held);
    await stream.next("released");
    assert.equal(await outcomeOf(forced), "released");
  });

  it("ends the grant after its grace whatever renews it, and frees the lock when all that was stated has run out", async () => {
    const held = await hold(holding, "orders/taken", { ttl: "5m" });
    await using stream = await joins(held.id);
    await stream.next("granted");
    const next = hold(admin, "orders/taken", { wait: "30s" });
    await queued(admin, "orders/taken", 1);
    const asked = await force("orders/taken", "?grace=300ms");
    assert.equal(asked.body["outcome"], "requested");
    await stream.next("revokeRequested");
    const statedAt = performance.now();
    const renewed = await holding.api.post(`/v1/grants/${held.id}/renew`);
    const lost = await stream.until("lost");
    assert.equal(lost.data["reason"], "revoked");
    const over = await grantOf(holding, held);
    assert.equal(over.status, 409);
    assert.equal(over.body["reason"], "revoked");
    const { answeredAt } = await next;
    assert.ok(answeredAt > lost.at, "it was granted before the loss was told");
    const stated = Math.max(msOf(renewed), msOf(held.answer) - (statedAt - held.askedAt));
    assert.ok(answeredAt - statedAt > stated - 100, "it was granted within a stated guarantee");
    await release(admin, await next);
    assert.equal(await metricOf(holding, 'holdfast_lock_revoked_total{pool="orders"}'), 1);
    assert.ok(((await metricOf(admin, 'holdfast_lock_forced_total{pool="orders"}')) ?? 0) >= 2);
  });

  it("can mean one holder of several, by its fence", async () => {
    const [one, two] = [await hold(holding, "permits/1"), await hold(holding, "permits/1")];
    const wrong = await force("permits/1", `?fence=${(two.fence + (5n << 16n)).toString()}`);
    assert.equal(wrong.body["outcome"], "vacant");
    const query = `?fence=${two.fence.toString()}&wait=30s`;
    assert.equal(await outcomeOf(force("permits/1", query)), "released");
    assert.equal((await grantOf(holding, two)).body["reason"], "revoked");
    assert.equal((await grantOf(holding, one)).status, 200);
    await release(holding, one);
  });

  it("leaves the next caller of the same pod a lock of its own", async () => {
    const held = await hold(holding, "orders/passed");
    const next = hold(holding, "orders/passed", { wait: "30s" });
    await queued(holding, "orders/passed", 1);
    assert.equal(await outcomeOf(force("orders/passed", "?wait=30s")), "released");
    const passed = await next;
    assert.ok(passed.fence > held.fence);
    await release(holding, passed);
  });

  it("ends nobody to whom the lock was handed over since, also where it breaks the guarantee", async () => {
    const held = await hold(holding, "orders/handed");
    const next = hold(holding, "orders/handed", { wait: "30s" });
    await queued(holding, "orders/handed", 1);
    await release(holding, held);
    const passed = await next;
    assert.equal(passed.fence, held.fence + 1n, "it passed on one place");
    // The contender tells of a hand-over within a second.
    await eventually("the hand-over in etcd", async () => {
      const { body } = await admin.api.get("/v1/locks/orders/handed");
      const [holder] = body["holders"] as { fence: string }[];
      return holder?.fence === passed.fence.toString();
    });
    for (const how of ["breakGuarantee=true", "wait=10s"]) {
      const query = `?fence=${held.fence.toString()}&${how}`;
      assert.equal(await outcomeOf(force("orders/handed", query)), "vacant");
    }
    assert.equal((await grantOf(holding, passed)).status, 200);
    await release(holding, passed);
  });

  it("is heard by nobody whose sidecar stands still: it keeps its grant, unless the guarantee is broken", async () => {
    await using still = await start("pod-c");
    const held = await hold(still, "orders/still");
    await still.pause();
    try {
      assert.equal(await outcomeOf(force("orders/still", "?wait=500ms")), "requested");
      assert.deepEqual(await holdersOf(admin, "orders/still"), ["pod-c"]);
      const broken = await force("orders/still", "?breakGuarantee=true");
      assert.equal(broken.body["outcome"], "broken");
      assert.match(String(broken.body["warning"]), /Only the fence protects/);
      const taken = await hold(admin, "orders/still");
      assert.ok(taken.fence > held.fence);
      assert.equal(await metricOf(admin, 'holdfast_lock_taken_total{pool="orders"}'), 1);
      await admin.said(
        "a lock is taken by force: only the fence protects what its holder still does",
      );
      await release(admin, taken);
    } finally {
      still.resume();
    }
  });

  it("that breaks a guarantee is told to a sidecar that lives, and nothing is granted on that place any more", async () => {
    const held = await hold(holding, "orders/broken");
    const waits = hold(holding, "orders/broken", { wait: "30s" });
    await queued(holding, "orders/broken", 1);
    await using stream = await joins(held.id);
    await stream.next("granted");
    assert.equal(await outcomeOf(force("orders/broken", "?breakGuarantee=true")), "broken");
    const lost = await stream.next("lost");
    assert.deepEqual([lost["reason"], lost["guaranteedFor"]], ["broken", "0s"]);
    const next = await waits;
    assert.ok(next.fence >> 16n > held.fence >> 16n, "it was granted on a place that is gone");
    assert.equal((await grantOf(holding, held)).body["reason"], "broken");
    assert.equal(await metricOf(holding, 'holdfast_lock_broken_total{pool="orders"}'), 1);
    await release(holding, next);
  });
});

/** How long an answer said that nobody else is granted the lock. */
function msOf({ body }: Answer): number {
  const [, seconds] = /^([\d.]+)s$/.exec(String(body["guaranteedFor"])) ?? [];
  return 1_000 * Number(seconds ?? 0);
}
