import assert from "node:assert/strict";
import { revision } from "#core/store.ts";
import { assertDone, assertRefused, assertUnknown, completed, type Exercise } from "./trial.ts";

const shortMs = 300;

export function exerciseReads(it: Exercise): void {
  exerciseRanges(it);
  exerciseFreshness(it);
  exerciseWaits(it);
}

function exerciseRanges(it: Exercise): void {
  it("gives a key, a range in key order, and nothing where nothing is", async (t) => {
    await t.commit(t.durable("b"), t.durable("a"), t.durable("a/1"), t.durable("c"));
    const { ranges } = await t.snapshot(
      { key: t.key("a") },
      { key: t.key("a"), end: t.key("c") },
      { key: t.key("nothing") },
      t.range("nothing"),
    );
    assert.deepEqual(
      ranges.map(({ keys }) => t.names(keys)),
      [["a"], ["a", "a/1", "b"], [], []],
    );
    assert.deepEqual(
      ranges.map(({ count }) => count),
      [1, 3, 0, 0],
    );
  });

  it("gives at most as many keys as asked for, and counts them all", async (t) => {
    await t.commit(t.durable("a"), t.durable("b"), t.durable("c"));
    const limited = await t.read({ ...t.all, limit: 2 });
    assert.deepEqual(t.names(limited.keys), ["a", "b"]);
    assert.equal(limited.count, 3);
  });

  it("leaves out values, or keys, where that is asked for", async (t) => {
    const at = await t.put("a", "value");
    const bare = await t.read({ ...t.all, keysOnly: true });
    assert.deepEqual(t.names(bare.keys), ["a"]);
    assert.equal(bare.keys[0]?.value.length, 0);
    assert.equal(bare.keys[0].createRevision, at);
    assert.equal(bare.keys[0].modRevision, at);
    assert.deepEqual(await t.read({ ...t.all, countOnly: true }), { keys: [], count: 1 });
  });

  it("gives all its ranges at one revision, while others write", async (t) => {
    await t.commit(t.durable("a", "0"), t.durable("b", "0"));
    const writes = Promise.all(
      Array.from({ length: 40 }, (_, at) =>
        t.store.write(
          completed({ then: [t.durable("a", String(at)), t.durable("b", String(at))] }),
        ),
      ),
    );
    const reads = Promise.all(
      Array.from({ length: 20 }, () =>
        t.store.read([{ key: t.key("a") }, { key: t.key("b") }], t.wait()),
      ),
    );
    const [outcomes] = await t.settle(Promise.all([reads, writes]));
    for (const outcome of outcomes) {
      assertDone(outcome);
      const [a, b] = outcome.value.ranges;
      assert.equal(a?.keys[0]?.modRevision, b?.keys[0]?.modRevision);
      assert((a?.keys[0]?.modRevision ?? 0n) <= outcome.value.revision);
    }
  });
}

function exerciseFreshness(it: Exercise): void {
  it("sees every write that was done before it, by whomever", async (t) => {
    await using other = await t.etcd.connect();
    for (let round = 0; round < 10; round++) {
      const at = await t.put("a", String(round));
      const outcome = await t.settle(other.store.read([{ key: t.key("a") }], t.wait()));
      assertDone(outcome);
      assert(outcome.value.revision >= at);
      assert.equal(outcome.value.ranges[0]?.keys[0]?.modRevision, at);
      assert.equal(outcome.at.revision, outcome.value.revision);
    }
  });

  it("that wants a revision which is there gets it or a later one", async (t) => {
    const at = await t.put("a");
    const outcome = await t.settle(t.store.read([t.all], t.wait(), at));
    assertDone(outcome);
    assert(outcome.value.revision >= at);
  });

  it("that wants a revision which does not come ends unknown with its time", async (t) => {
    const at = await t.put("a");
    const future = revision(at + 1_000_000n);
    const outcome = await t.settle(t.store.read([t.all], t.wait(shortMs), future));
    assertUnknown(outcome);
  });
}

function exerciseWaits(it: Exercise): void {
  it("whose time is over before it is sent is refused as never sent", async (t) => {
    assertRefused(await t.settle(t.store.read([t.all], t.wait(0))), "notSent");
  });

  it("whose caller has left before it is sent is refused as never sent", async (t) => {
    const wait = t.wait(1_000, AbortSignal.abort(new Error("left")));
    assertRefused(await t.settle(t.store.read([t.all], wait)), "notSent");
  });

  it("is refused as never sent where nobody listens", async (t) => {
    await using nowhere = await t.etcd.unreachable();
    const outcome = await t.settle(nowhere.store.read([t.all], t.wait(shortMs)));
    assertRefused(outcome, "notSent");
  });

  it("without an answer ends unknown with its time", async (t) => {
    await t.put("a");
    t.client.cutAnswers();
    assertUnknown(await t.settle(t.store.read([t.all], t.wait(shortMs))));
    await t.heal();
  });

  it("ends when its caller leaves", async (t) => {
    await t.put("a");
    t.client.cutAnswers();
    const leaving = new AbortController();
    const outcome = t.store.read([t.all], t.wait(20_000, leaving.signal));
    const timer = t.etcd.runtime.timer(t.wait(shortMs).deadline, () =>
      leaving.abort(new Error("left")),
    );
    assertUnknown(await t.settle(outcome));
    timer.cancel();
    await t.heal();
  });

  it("is tried again until it succeeds, once the network is back", async (t) => {
    await t.put("a");
    t.client.cutAnswers();
    const outcome = t.store.read([t.all], t.wait(20_000));
    const healed = new Promise<void>((resolve, reject) => {
      t.etcd.runtime.timer(t.wait(shortMs).deadline, () => {
        t.client.heal().then(resolve, reject);
      });
    });
    await t.settle(healed);
    assertDone(await t.settle(outcome));
  });
}
