import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { prefixRange, type Fact, type Write } from "#core/store.ts";
import { aloneMax, GroupCommit } from "#etcd/group-commit.ts";
import { allOps, settled, TxnServer } from "./group-commit-server.ts";
import {
  absent,
  busy,
  del,
  drain,
  kindOf,
  list,
  modified,
  put,
  write,
  twoBatches,
} from "./group-commit-writes.ts";

describe("group commit", () => {
  it("sends a lone write at once, as a transaction of its own", async () => {
    const server = new TxnServer();
    const group = new GroupCommit(server, twoBatches);
    const outcome = group.write(
      write({ when: [absent("a")], then: [put("a")], otherwise: [list("a")] }),
    );
    await settled();
    assert.deepEqual(server.next().request.when, [absent("a")]);
    server.answer(server.next());
    assert.deepEqual(await outcome, {
      kind: "done",
      value: { held: true, results: [{ kind: "put" }] },
      at: { cluster: "1", revision: 2n },
    });
  });

  it("sends together what was written together, and what came while two requests were under way", async () => {
    const server = new TxnServer();
    const group = new GroupCommit(server, twoBatches);
    await busy(server, group);
    for (let at = 0; at < 30; at++) void group.write(write({ then: [put(`k${at}`)] }));
    await settled();
    assert.equal(server.requests.length, 2);
    assert.deepEqual(await drain(server), [1, 1, 30]);
  });

  it("sends a second batch beside one under way only where enough writes share it", async () => {
    const server = new TxnServer();
    const group = new GroupCommit(server, { besideMin: 3 });
    const put1 = (key: string) => void group.write(write({ then: [put(key)] }));
    put1("a");
    await settled();
    put1("b");
    put1("c");
    await settled();
    assert.equal(server.requests.length, 1);
    put1("d");
    await settled();
    assert.equal(server.requests.length, 2);
    put1("e");
    assert.deepEqual(await drain(server), [1, 3, 1]);
  });

  it("tells each member which of its parts ran, and its reads", async () => {
    const server = new TxnServer({ auto: true });
    const group = new GroupCommit(server, twoBatches);
    await group.write(write({ then: [put("b/1")] }));
    const outcomes = await Promise.all([
      group.write(write({ when: [absent("a")], then: [put("a")] })),
      group.write(write({ when: [absent("b/1")], then: [put("b/1")], otherwise: [list("b/")] })),
      group.write(write({ then: [del("b0"), del("b1")] })),
      group.write(write({ then: [list("c/"), put("c/1"), list("c/")] })),
      group.write(write({ then: [list("d/")] })),
    ]);
    assert.equal(server.requests.length, 2);
    const told = outcomes.map((outcome) => {
      assert(outcome.kind === "done");
      const { held, results } = outcome.value;
      return [held, ...results.map((one) => (one.kind === "listed" ? one.result.count : one.kind))];
    });
    assert.deepEqual(told, [
      [true, "put"],
      [false, 1],
      [true, "deleted", "deleted"],
      [true, 0, "put", 1],
      [true, 0],
    ]);
  });

  describe("what members share", () => {
    /** How many requests it takes to send all of them, when they wait together; the last one's then part. */
    async function rides(...writes: Write[]): Promise<number[]> {
      const server = new TxnServer();
      const group = new GroupCommit(server, twoBatches);
      await busy(server, group);
      for (const one of writes) void group.write(one);
      return (await drain(server)).slice(2);
    }

    it("keeps two that write one key apart", async () => {
      assert.deepEqual(
        await rides(write({ then: [put("a")] }), write({ then: [put("a")] })),
        [1, 1],
      );
      assert.deepEqual(
        await rides(write({ then: [put("a")] }), write({ then: [del("a")] })),
        [1, 1],
      );
    });

    it("keeps one that lists a range apart from who writes into it, and from who lists it too", async () => {
      const lister = write({ then: [put("q/1"), list("q/")] });
      assert.equal((await rides(lister, write({ then: [put("q/2")] }))).length, 2);
      assert.equal((await rides(write({ then: [put("q/2")] }), lister)).length, 2);
      assert.equal((await rides(lister, write({ then: [put("r"), list("q/")] }))).length, 2);
      assert.equal((await rides(lister, write({ then: [put("q0"), list("q0")] }))).length, 1);
      const elsewhere = write({ when: [absent("z")], then: [], otherwise: [list("q/")] });
      assert.equal((await rides(lister, elsewhere)).length, 2);
    });

    it("keeps one that compares a key apart from who writes it, and lets many compare it", async () => {
      const comparer = (key: string) => write({ when: [absent("s")], then: [put(key)] });
      assert.deepEqual(await rides(comparer("a"), comparer("b"), comparer("c")), [3]);
      assert.equal((await rides(comparer("a"), write({ then: [put("s")] }))).length, 2);
      assert.equal((await rides(write({ then: [put("s")] }), comparer("a"))).length, 2);
    });

    it("keeps one whose fact is about a key or range apart from who writes it", async () => {
      const marker: Fact = { kind: "empty", ...prefixRange("m/") };
      for (const [fact, key] of [
        [modified("s", 0), "s"],
        [marker, "m/1"],
      ] as const) {
        const believer = (own: string) => write({ given: [fact], then: [put(own)] });
        assert.deepEqual(await rides(believer("a"), believer("b")), [2]);
        assert.equal((await rides(believer("a"), write({ then: [put(key)] }))).length, 2);
        assert.equal((await rides(write({ then: [put(key)] }), believer("a"))).length, 2);
        // One that writes what its own fact is about shares the fact with nobody.
        const raiser = write({ given: [fact], then: [put(key)] });
        assert.equal((await rides(raiser, believer("a"))).length, 2);
        assert.equal((await rides(believer("a"), raiser)).length, 2);
      }
    });

    it("keeps the order of those that share, over batches under way, and lets others pass", async () => {
      const server = new TxnServer();
      const group = new GroupCommit(server, twoBatches);
      const order: string[] = [];
      const told = (name: string, one: Write) => void group.write(one).then(() => order.push(name));
      told("first", write({ then: [put("a"), put("b")] }));
      await settled();
      told("second", write({ then: [put("b"), put("c")] }));
      told("third", write({ then: [put("c")] }));
      told("other", write({ then: [put("d")] }));
      await settled();
      assert.deepEqual(
        server.pending.map(({ request }) =>
          allOps(request).map((op) => op.kind === "putDurable" && op.key),
        ),
        [["a", "b"], ["d"]],
      );
      const [first, other] = [...server.pending];
      if (first === undefined || other === undefined) assert.fail();
      server.answer(other);
      await settled();
      assert.equal(server.pending.length, 1);
      await drain(server);
      assert.deepEqual(order, ["other", "first", "second", "third"]);
    });
  });

  describe("a write that travels alone", () => {
    const epoch = write({
      when: [modified("s", 0)],
      then: [put("s")],
      otherwise: [list("s")],
      alone: true,
    });

    it("waits for nothing, though what is under way compares its key", async () => {
      const server = new TxnServer();
      const group = new GroupCommit(server, twoBatches);
      void group.write(write({ given: [modified("s", 0)], then: [put("a")] }));
      await busy(server, group).catch(() => undefined);
      void group.write(write({ given: [modified("s", 0)], then: [put("b")] }));
      const raised = group.write(epoch);
      const sent = server.pending.at(-1);
      assert.deepEqual(sent?.request.when, epoch.when);
      if (sent !== undefined) server.answer(sent);
      assert.equal(kindOf(await raised), "done");
    });

    it("is refused when too many are under way", async () => {
      const server = new TxnServer();
      const group = new GroupCommit(server, twoBatches);
      for (let at = 0; at < aloneMax; at++) void group.write(epoch);
      assert.equal(kindOf(await group.write(epoch)), "queueFull");
      await drain(server);
      void group.write(epoch);
      assert.deepEqual(await drain(server), [1]);
    });
  });

  it("refuses what waits when it is closed, and waits for what is under way", async () => {
    const server = new TxnServer();
    const group = new GroupCommit(server, twoBatches);
    await busy(server, group);
    const waiting = group.write(write({ then: [put("a")] }));
    let closed = false;
    const closing = group.close().then(() => (closed = true));
    assert.equal(kindOf(await waiting), "notSent");
    assert.equal(kindOf(await group.write(write({ then: [put("a")] }))), "notSent");
    await settled();
    assert.equal(closed, false);
    await drain(server);
    await closing;
    await group.close();
  });
});
