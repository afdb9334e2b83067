/** A pause after a loss (spec.lockDelay), as who asks and who looks see it: over real sidecars on a real etcd. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { EtcdServer } from "../support/etcd-server.ts";
import { EventStream } from "../support/event-stream.ts";
import { acquire, hold, queued, release, waitersOf } from "../support/lock-calls.ts";
import { eventually } from "../support/poll.ts";
import { brief, mutex, pool, SidecarProcess } from "../support/sidecar-process.ts";

interface Shown {
  readonly holders: readonly { readonly holder: string }[];
  readonly waiters: readonly { readonly holder: string }[];
  readonly lost?: readonly Readonly<Record<string, unknown>>[];
}

function namesOf(told: Readonly<Record<string, unknown>>, list: "holders" | "lost"): string[] {
  return ((told[list] ?? []) as Shown["holders"]).map(({ holder }) => holder);
}

describe("a lock whose holder's sidecar was killed, of a pool with a lockDelay", function () {
  this.timeout(60_000);
  let etcd: EtcdServer;
  let near: SidecarProcess;

  const start = (name: string) =>
    SidecarProcess.start({
      ...{ etcd: etcd.endpoint, pod: name, sessionTtl: brief },
      resources: [
        mutex("orders", "lockDelay: 4s"),
        mutex("kept", "lockDelay: 10m"),
        pool("permits", "mode: Semaphore, permits: 2, lockDelay: 10m"),
      ],
    });
  const look = async (lock: string): Promise<Shown> => {
    const { status, text, body } = await near.api.get(`/v1/locks/${lock}`);
    assert.equal(status, 200, text);
    return body as unknown as Shown;
  };
  const lossOf = (lock: string) =>
    eventually(`the loss of ${lock}`, async () => {
      const shown = await look(lock);
      return shown.lost === undefined ? undefined : { ...shown, lost: shown.lost };
    });

  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
    near = await start("pod-a");
  });

  after(async () => {
    await near[Symbol.asyncDispose]();
    await etcd[Symbol.asyncDispose]();
  });

  it("is shown with who was lost and until when, and with who waits; nobody is granted it before that", async () => {
    await using far = await start("pod-b");
    const held = await hold(far, "orders/42", { holder: "alice" });
    const waits = hold(near, "orders/42", { holder: "bob", wait: "50s" });
    await queued(near, "orders/42", 1);
    assert.equal((await look("orders/42")).lost, undefined);
    await using events = await EventStream.open(near.api, "GET", "/v1/locks/orders/42/events");
    assert.deepEqual(namesOf(await events.next("holder"), "holders"), ["alice"]);
    const killedAt = Date.now();
    await far.kill();
    const { holders, waiters, lost } = await lossOf("orders/42");
    assert.deepEqual([holders, waiters.map(({ holder }) => holder), lost.length], [[], ["bob"], 1]);
    const [{ until, since, ...who } = {}] = lost;
    assert.deepEqual(who, {
      ...{ holder: "alice", pod: "pod-b", mode: "exclusive", permits: 1, localWaiters: 0 },
      fence: held.fence.toString(),
    });
    assert.ok(Date.parse(String(since)) <= killedAt);
    const untilMs = Date.parse(String(until));
    assert.ok(untilMs > killedAt + 4_000, "the delay began before the loss");
    const { body } = await near.api.get("/v1/locks/orders");
    const [listed] = body["locks"] as Shown[];
    assert.deepEqual([listed?.holders, listed?.lost?.length], [[], 1]);
    const kept = await events.next("vacant");
    assert.deepEqual(namesOf(kept, "lost"), ["alice"]);
    const next = await waits;
    assert.ok(Date.now() >= untilMs - 1, "it was granted while it was said that nobody is");
    const after = await look("orders/42");
    assert.deepEqual(
      [after.holders.map(({ holder }) => holder), after.waiters, after.lost],
      [["bob"], [], undefined],
    );
    const told = await events.next("holder");
    assert.deepEqual([namesOf(told, "holders"), told["lost"]], [["bob"], undefined]);
    await release(near, next);
    assert.deepEqual(await events.next("vacant"), { lock: "orders/42" });
    assert.deepEqual((await look("orders/42")).holders, []);
  });

  it("tells of a try the same as of a look", async () => {
    await using far = await start("pod-b");
    await hold(far, "kept/1", { holder: "alice" });
    await far.kill();
    const { lost } = await lossOf("kept/1");
    const tried = await acquire(near, "kept/1");
    assert.equal(tried.status, 423, tried.text);
    assert.match(String(tried.body["detail"]), /who was lost.*spec\.lockDelay/);
    const facts = (from: Readonly<Record<string, unknown>> = {}) =>
      ["holder", "pod", "since"].map((name) => from[name]);
    assert.deepEqual(facts(tried.body), facts(lost[0]));
    assert.deepEqual(await waitersOf(near, "kept/1"), []);
  });

  it("is shown with nobody lost after a release, and of permits only with those that are kept", async () => {
    await using far = await start("pod-b");
    const [lost, released] = [
      await hold(far, "permits/1", { holder: "lost" }),
      await hold(far, "permits/1", { holder: "released" }),
    ];
    await release(far, released);
    await far.kill();
    const shown = await lossOf("permits/1");
    assert.deepEqual(
      shown.lost.map(({ holder, fence }) => [holder, fence]),
      [["lost", lost.fence.toString()]],
    );
    // The other permit is anybody's.
    const held = await hold(near, "permits/1", { holder: "bob" });
    const { holders, lost: still } = await look("permits/1");
    assert.deepEqual([holders.map(({ holder }) => holder), still?.length], [["bob"], 1]);
    assert.equal((await acquire(near, "permits/1")).status, 423);
    await release(near, held);
  });
});
