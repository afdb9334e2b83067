import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import type { EtcdGateway } from "../support/etcd-gateway.ts";
import { acquire, hold, release, waitersOf, type Held } from "../support/lock-calls.ts";
import { eventually } from "../support/poll.ts";
import type { SidecarProcess } from "../support/sidecar-process.ts";
import { mutex } from "../support/sidecar-process.ts";
import { startTwoPods, type TwoPods } from "../support/two-pods.ts";

describe("two sidecars on one etcd", function () {
  this.timeout(60_000);
  let pods: TwoPods;
  let raw: EtcdGateway;
  let a: SidecarProcess;
  let b: SidecarProcess;

  before(async () => {
    pods = await startTwoPods([
      mutex("orders"),
      mutex("strict", "handover: {maxCount: 0}"),
      mutex("thrice", "handover: {maxCount: 3, maxHold: 1m}"),
      mutex("brief", "handover: {maxCount: 10000, maxHold: 300ms}"),
    ]);
    ({ raw, a, b } = pods);
  });

  after(() => pods[Symbol.asyncDispose]());

  /** Stands in the queue when it returns. */
  const wait = async (sidecar: SidecarProcess, lock: string, holder: string) => {
    const held = hold(sidecar, lock, { wait: "1m", holder });
    await eventually(`${holder} in the queue of ${lock}`, async () =>
      (await waitersOf(sidecar, lock)).includes(holder),
    );
    return { holder, sidecar, held };
  };

  /** The note that somebody of another pod waits was read, after that revision. */
  const noted = (from: bigint) =>
    raw.change("/holdfast/v1/data/default/inbox/", from, ({ type }) => type === "DELETE");

  it("exclude each other: one holds, the other is told who and in which pod", async () => {
    const held = await hold(a, "orders/1", { holder: "me" });
    const refused = await acquire(b, "orders/1", { wait: "200ms" });
    assert.equal(refused.status, 423);
    assert.equal(refused.body["holder"], "me");
    assert.equal(refused.body["pod"], "pod-a");
    await release(a, held);
    await release(b, await hold(b, "orders/1"));
  });

  it("hand a lock over the moment it is released, and its fence grows", async () => {
    const first = await hold(a, "orders/2");
    const { held } = await wait(b, "orders/2", "w");
    await release(a, first);
    const second = await held;
    assert.ok(second.fence > first.fence);
    await release(b, second);
  });

  it("show the same holder and the same waiting places, each its own callers one by one", async () => {
    const first = await hold(a, "orders/3", { holder: "h" });
    const waits = [await wait(b, "orders/3", "w1"), await wait(b, "orders/3", "w2")];
    const seenBy = async (sidecar: SidecarProcess) =>
      (await sidecar.api.get("/v1/locks/orders/3")).body as {
        holders: { holder: string; fence: string }[];
        waiters: { holder: string; pod: string; localWaiters: number }[];
      };
    const near = await seenBy(b);
    assert.deepEqual(
      near.waiters.map(({ holder, localWaiters }) => [holder, localWaiters]),
      [
        ["w1", 0],
        ["w2", 0],
      ],
    );
    // To others they are one place, whose text is written anew at most once a second.
    await eventually("w2 behind w1 in the other's view", async () => {
      const { holders, waiters } = await seenBy(a);
      assert.equal(holders[0]?.holder, "h");
      assert.equal(BigInt(holders[0].fence), first.fence);
      assert.deepEqual([waiters.length, waiters[0]?.holder, waiters[0]?.pod], [1, "w1", "pod-b"]);
      return waiters[0]?.localWaiters === 1;
    });
    const refused = await acquire(b, "orders/3");
    assert.equal(refused.body["waiting"], 2);
    await release(a, first);
    for (const { held, sidecar } of waits) await release(sidecar, await held);
  });

  it("take turns where nothing may be handed over while the other waits", async () => {
    let from = await raw.revision();
    let current = { sidecar: a, held: await hold(a, "strict/1") };
    const first = await wait(b, "strict/1", "w0");
    await noted(from);
    const waits = [
      first,
      await wait(a, "strict/1", "w1"),
      await wait(b, "strict/1", "w2"),
      await wait(a, "strict/1", "w3"),
    ];
    const order: string[] = [];
    for (const { holder, held } of waits) void held.then(() => order.push(holder));
    const fences = [current.held.fence];
    for (const [index, { holder, held, sidecar }] of waits.entries()) {
      from = await raw.revision();
      await release(current.sidecar, current.held);
      current = { sidecar, held: await held };
      assert.deepEqual(order, ["w0", "w1", "w2", "w3"].slice(0, index + 1), holder);
      fences.push(current.held.fence);
      // The sidecar that let go stands behind this one again, and has told it so.
      if (index < 2) await noted(from);
    }
    await release(current.sidecar, current.held);
    assert.deepEqual(fences, fences.toSorted(byValue));
  });

  it("hand over inside a pod as often as the pool allows while the other waits, then let it pass", async () => {
    const from = await raw.revision();
    let current = { sidecar: a, held: await hold(a, "thrice/1") };
    const other = await wait(b, "thrice/1", "other");
    await noted(from);
    const mine = [];
    for (const name of ["m1", "m2", "m3", "m4", "m5"]) mine.push(await wait(a, "thrice/1", name));
    const order: string[] = [];
    const fences = [current.held.fence];
    const waits = [...mine.slice(0, 3), other, ...mine.slice(3)];
    for (const { holder, held } of waits) void held.then(() => order.push(holder));
    for (const { held, sidecar } of waits) {
      await release(current.sidecar, current.held);
      current = { sidecar, held: await held };
      fences.push(current.held.fence);
    }
    await release(current.sidecar, current.held);
    assert.deepEqual(order, ["m1", "m2", "m3", "other", "m4", "m5"]);
    assert.deepEqual(fences, fences.toSorted(byValue));
    assert.equal(new Set(fences).size, fences.length);
  });

  it("let the other pass after a time, however often the lock changes hands inside the pod", async () => {
    let done = false;
    const busy = Array.from({ length: 4 }, async () => {
      let count = 0;
      while (!done) {
        await release(a, await hold(a, "brief/1", { wait: "1m" }));
        count++;
      }
      return count;
    });
    await eventually("the lock being held", async () => {
      const { body } = await a.api.get("/v1/locks/brief/1");
      return (body["holders"] as unknown[]).length === 1;
    });
    await release(b, await hold(b, "brief/1", { wait: "1m" }));
    done = true;
    const counts = await Promise.all(busy);
    assert.ok(counts.every((count) => count > 0));
  });

  it("never let two in at once, and fences grow over all grants of a lock", async () => {
    const callers = 8;
    const grantsEach = 12;
    let inside = 0;
    const fences: bigint[] = [];
    const work = async (sidecar: SidecarProcess) => {
      for (let at = 0; at < grantsEach; at++) {
        const held: Held = await hold(sidecar, "orders/hot", { wait: "1m" });
        assert.equal(++inside, 1);
        fences.push(held.fence);
        inside--;
        await release(sidecar, held);
      }
    };
    await Promise.all(Array.from({ length: callers }, (_, at) => work(at % 2 === 0 ? a : b)));
    assert.equal(fences.length, callers * grantsEach);
    assert.equal(new Set(fences).size, fences.length);
    assert.deepEqual(fences, fences.toSorted(byValue));
  });
});

function byValue(x: bigint, y: bigint): number {
  return x < y ? -1 : Number(x > y);
}
