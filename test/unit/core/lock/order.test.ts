import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { holders, isSame, standing, wouldWait, type Demand } from "#core/lock/order.ts";
import { revision } from "#core/store.ts";

const alone: Demand = { mode: "exclusive", permits: 1 };
const shared: Demand = { mode: "shared", permits: 1 };
const permits = (count: number): Demand => ({ mode: "exclusive", permits: count });
const contender = (key: string, created: bigint, demand = alone) => ({
  key,
  createRevision: revision(created),
  ...demand,
});
/** Named a, b, c … in their order. */
const queue = (...demands: readonly Demand[]) =>
  demands.map((demand, index) => contender("abcdefgh"[index] ?? "", BigInt(2 * index + 5), demand));
const mutex = { mode: "Mutex", permits: 1 } as const;
const readWrite = { mode: "ReadWrite", permits: 1 } as const;
const semaphore = (count: number) => ({ mode: "Semaphore", permits: count }) as const;
const keys = (holding: Iterable<{ readonly key: string }>) =>
  [...holding].map(({ key }) => key).join("");

describe("the order of a lock's contenders", () => {
  const ordered = queue(alone, alone, alone);

  it("tells who holds, who waits, and for whom", () => {
    assert.equal(standing(ordered, { key: "a", created: revision(5n) }, mutex).kind, "holds");
    const waits = standing(ordered, { key: "c", created: revision(9n) }, mutex);
    assert.ok(waits.kind === "waits");
    assert.equal(waits.before?.key, "b");
  });

  it("takes a contender under my key that was made at another revision for none of mine", () => {
    for (const created of [4n, 6n])
      assert.equal(standing(ordered, { key: "a", created: revision(created) }, mutex).kind, "gone");
    assert.equal(isSame(contender("a", 5n), { key: "a", created: revision(5n) }), true);
    assert.equal(isSame(contender("a", 5n), { key: "b", created: revision(5n) }), false);
  });
});

describe("who holds", () => {
  it("of a mutex is the first, whatever it wants", () => {
    assert.equal(keys(holders(queue(alone, alone), mutex)), "a");
    assert.equal(keys(holders(queue(shared, shared), mutex)), "a");
    assert.equal(keys(holders([], mutex)), "");
  });

  it("of a read-write lock are all shared ones up to the first exclusive one, or that one alone", () => {
    assert.equal(keys(holders(queue(shared, shared, alone, shared), readWrite)), "ab");
    assert.equal(keys(holders(queue(alone, shared, alone), readWrite)), "a");
    assert.equal(keys(holders(queue(shared, shared), readWrite)), "ab");
  });

  it("of a semaphore are those that fit, and nobody passes one that does not", () => {
    assert.equal(keys(holders(queue(permits(2), permits(1), permits(1)), semaphore(3))), "ab");
    assert.equal(keys(holders(queue(permits(2), permits(2), permits(1)), semaphore(3))), "a");
    assert.equal(keys(holders(queue(permits(4), permits(1)), semaphore(3))), "");
  });

  it("makes a newcomer wait for what stands before it", () => {
    assert.equal(wouldWait(queue(shared), shared, readWrite), false);
    assert.equal(wouldWait(queue(shared, alone), shared, readWrite), true);
    assert.equal(wouldWait(queue(shared), alone, readWrite), true);
    assert.equal(wouldWait(queue(permits(2)), permits(1), semaphore(3)), false);
    assert.equal(wouldWait(queue(permits(2)), permits(2), semaphore(3)), true);
    assert.equal(wouldWait([], alone, mutex), false);
  });
});

describe("what a waiter watches", () => {
  const at = (index: number, sharing: Parameters<typeof standing>[2], ...demands: Demand[]) => {
    const ordered = queue(...demands);
    const own = ordered[index];
    assert.ok(own !== undefined);
    return standing(ordered, { key: own.key, created: own.createRevision }, sharing);
  };

  it("is the one just before it, where it wants a lock for itself", () => {
    const waits = at(3, readWrite, alone, shared, shared, alone);
    assert.equal(waits.kind === "waits" && waits.before?.key, "c");
  });

  it("is the nearest exclusive one before it, where it would share", () => {
    const waits = at(3, readWrite, alone, alone, shared, shared);
    assert.equal(waits.kind === "waits" && waits.before?.key, "b");
  });

  it("is all of the line, where it wants permits", () => {
    const waits = at(2, semaphore(2), alone, alone, alone);
    assert.ok(waits.kind === "waits");
    assert.equal(waits.before, undefined);
  });
});
