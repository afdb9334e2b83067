/** Locks taken from their holders with the client, over real sidecars on a real etcd. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { connect, HoldfastError, type ForceOptions, type Holdfast } from "#client/holdfast.ts";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { grantOf, hold, queued, release, type Held } from "#test/support/lock-calls.ts";
import { inTime } from "#test/support/poll.ts";
import { brief, mutex, pool, SidecarProcess } from "#test/support/sidecar-process.ts";
import { TcpProxy } from "#test/support/tcp-proxy.ts";
import { clientOf, urlOf } from "./support.ts";

describe("the client and a forced release", function () {
  this.timeout(60_000);
  let etcd: EtcdServer;
  /** Whoever forces. */
  let admin: SidecarProcess;
  let holding: SidecarProcess;
  let holdfast: Holdfast;

  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
    const resources = [mutex("orders"), pool("permits", "mode: Semaphore, permits: 3")];
    const start = (pod: string, env = {}) =>
      SidecarProcess.start({ etcd: etcd.endpoint, resources, pod, sessionTtl: brief, env });
    [admin, holding] = await Promise.all([
      start("pod-a", { HOLDFAST_ADMIN: "true" }),
      start("pod-b"),
    ]);
    holdfast = clientOf(admin);
  });

  after(async () => {
    await holdfast.close();
    await Promise.all([admin[Symbol.asyncDispose](), holding[Symbol.asyncDispose]()]);
    await etcd[Symbol.asyncDispose]();
  });

  /** How often the sidecar was asked for it, and answered. */
  const asked = async (): Promise<number> => {
    const { text } = await admin.health.get("/metrics");
    const [, count] = /operation="forceRelease",status="200"\} (\d+)/.exec(text) ?? [];
    return Number(count ?? 0);
  };

  it("tells what came of it: vacant, requested, released, broken", async () => {
    const orders = holdfast.locks("orders");
    assert.deepEqual(await orders.forceRelease("1"), {
      ...{ lock: "orders/1", outcome: "vacant", holders: [] },
    });
    const held = await hold(holding, "orders/1", { holder: "alice" });
    const requested = await orders.forceRelease("1", { grace: "1m" });
    assert.equal(requested.outcome, "requested");
    assert.deepEqual(
      requested.holders.map(({ holder, pod, fence }) => [holder, pod, fence]),
      [["alice", "pod-b", held.fence.toString()]],
    );
    assert.equal((await grantOf(holding, held)).status, 200, "within its grace it holds");
    const released = await orders.forceRelease("1", { wait: "30s" });
    assert.equal(released.outcome, "released");
    assert.equal((await grantOf(holding, held)).body["reason"], "revoked");
    const next = await hold(holding, "orders/1");
    const broken = await orders.forceRelease("1", { breakGuarantee: true });
    assert.equal(broken.outcome, "broken");
    assert.match(broken.warning ?? "", /Only the fence protects/);
    assert.equal((await grantOf(holding, next)).body["reason"], "broken");
  });

  it("means one of several by its fence", async () => {
    const [one, two] = [await hold(holding, "permits/1"), await hold(holding, "permits/1")];
    const options = { fence: two.fence.toString(), wait: "30s" };
    const { outcome, holders } = await holdfast.locks("permits").forceRelease("1", options);
    assert.deepEqual([outcome, holders.length], ["released", 1]);
    assert.equal((await grantOf(holding, one)).status, 200);
    await release(holding, one);
  });

  it("tells what refused it, by code and field", async () => {
    await using other = clientOf(holding);
    await assert.rejects(other.locks("orders").forceRelease("1"), { code: "not_admin" });
    const orders = holdfast.locks("orders");
    for (const [options, field] of [
      [{ fence: "a" }, "fence"],
      [{ grace: "1s", breakGuarantee: true }, "grace"],
      [{ wait: "11m" }, "wait"],
      [{ brokenGuarantee: true } as ForceOptions, "brokenGuarantee"],
    ] as const) {
      const forced = orders.forceRelease("1", options);
      await assert.rejects(forced, (error) => {
        assert.ok(HoldfastError.is(error, "malformed"));
        assert.equal(error.facts["field"], field);
        return true;
      });
    }
    await assert.rejects(holdfast.locks("odrers").forceRelease("1"), { code: "pool_not_found" });
  });

  /** Takes the lock from its holder while the answer is lost; `next` has the lock before the client hears of that. */
  const forcedUnheard = async (name: string, options: (held: Held) => ForceOptions) => {
    await using proxy = await TcpProxy.before(urlOf(admin));
    await using client = connect({ url: proxy.endpoint });
    const held = await hold(holding, `orders/${name}`);
    const waits = hold(holding, `orders/${name}`, { wait: "40s" });
    await queued(holding, `orders/${name}`, 1);
    const before = await asked();
    // The connection is there already: only the answer is lost, and then the connection.
    await client.locks("orders").get(name);
    proxy.cutAnswers();
    const answered = proxy.arrival("answers");
    const forced = client.locks("orders").forceRelease(name, options(held));
    const told = forced.then(
      ({ outcome }) => outcome,
      (error: unknown) => error,
    );
    await inTime("the answer that is lost", answered);
    const next = await inTime("the next grant", waits);
    await proxy.heal();
    const outcome = await inTime("what came of it", told);
    assert.equal((await grantOf(holding, next)).status, 200, "the next holder was ended, too");
    await release(holding, next);
    return { outcome, askedTimes: (await asked()) - before };
  };

  it("is asked again after a lost answer where a fence names the holder, and ends nobody else", async () => {
    const ways: readonly ForceOptions[] = [{ wait: "30s" }, { breakGuarantee: true }];
    for (const [at, way] of ways.entries()) {
      const { outcome, askedTimes } = await forcedUnheard(`fenced-${at}`, ({ fence }) => ({
        ...way,
        fence: fence.toString(),
      }));
      assert.deepEqual([outcome, askedTimes], ["vacant", 2]);
    }
  });

  it("is not asked again after a lost answer without a fence: it is told as unknown", async () => {
    const ways: readonly ForceOptions[] = [{ wait: "30s" }, { breakGuarantee: true }];
    for (const [at, way] of ways.entries()) {
      const { outcome, askedTimes } = await forcedUnheard(`plain-${at}`, () => way);
      assert.ok(HoldfastError.is(outcome, "outcome_unknown"));
      assert.match(outcome.message, /Look who does, and ask again with the fence/);
      assert.equal(askedTimes, 1);
    }
  });
});
