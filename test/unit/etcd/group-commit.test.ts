import assert from "node:assert/strict";
import { describe, it } from "mocha";
import type { Outcome, StoreRefusal } from "#core/outcome.ts";
import {
  noRevision,
  prefixRange,
  revision,
  type Compare,
  type Fact,
  type LeaseId,
  type Op,
  type Write,
  type WriteResult,
} from "#core/store.ts";
import { aloneMax, GroupCommit } from "#etcd/group-commit.ts";
import { batchMaxBytes, membersMax } from "#etcd/group-commit/batch.ts";
import { Member } from "#etcd/group-commit/member.ts";
import { settled, TxnServer, allOps } from "./group-commit-server.ts";

const value = new Uint8Array(4);
const put = (key: string, bytes = value): Op => ({ kind: "putDurable", key, value: bytes });
const del = (key: string): Op => ({ kind: "delete", key });
const list = (prefix: string): Op => ({ kind: "list", range: prefixRange(prefix) });
const absent = (key: string): Compare => ({ kind: "created", key, revision: noRevision });
const modified = (key: string, at: number): Fact => ({
  kind: "modified",
  key,
  revision: revision(at),
});

function write(parts: Partial<Write>): Write {
  return { given: [], when: [], then: [], otherwise: [], ...parts };
}

function kindOf(outcome: Outcome<WriteResult>): string {
  return outcome.kind === "done" ? "done" : outcome.reason.code;
}

/** Both places for batches taken, so that what is written now gathers for the next one. */
async function busy(server: TxnServer, group: GroupCommit): Promise<void> {
  void group.write(write({ then: [put("busy/1")] }));
  await settled();
  void group.write(write({ then: [put("busy/2")] }));
  await settled();
  assert.equal(server.pending.length, 2);
}

/** The sizes of the requests that are sent until nothing is left. */
async function drain(server: TxnServer): Promise<number[]> {
  const sizes: number[] = [];
  for (;;) {
    await settled();
    const [pending] = server.pending;
    if (pending === undefined) return sizes;
    sizes.push(pending.request.then.length);
    server.answer(pending);
  }
}

describe("group commit", () => {
  it("sends a lone write at once, as a transaction of its own", async () => {
    const server = new TxnServer();
    const group = new GroupCommit(server);
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
    const group = new GroupCommit(server);
    await busy(server, group);
    for (let at = 0; at < 30; at++) void group.write(write({ then: [put(`k${at}`)] }));
    await settled();
    assert.equal(server.requests.length, 2);
    assert.deepEqual(await drain(server), [1, 1, 30]);
  });

  it("tells each member which of its parts ran, and its reads", async () => {
    const server = new TxnServer({ auto: true });
    const group = new GroupCommit(server);
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

  describe("limits", () => {
    it(`puts ${membersMax} members into a batch, and not one more`, async () => {
      for (const [count, expected] of [
        [membersMax, [membersMax]],
        [membersMax + 1, [membersMax, 1]],
      ] as const) {
        const server = new TxnServer();
        const group = new GroupCommit(server);
        await busy(server, group);
        for (let at = 0; at < count; at++) void group.write(write({ then: [put(`k${at}`)] }));
        assert.deepEqual((await drain(server)).slice(2), expected);
      }
    });

    it("puts 512 KiB into a batch, and not one byte more; a larger write goes by itself", async () => {
      const bytesOf = (one: Write) =>
        new Member(
          one,
          () => undefined,
          () => undefined,
        ).bytes;
      const whole = write({ then: [put("a", new Uint8Array(100_000))] });
      const rest = batchMaxBytes - bytesOf(whole) - (bytesOf(write({ then: [put("b")] })) - 4);
      for (const [size, expected] of [
        [rest, [2, 1]],
        [rest + 1, [1, 2]],
        [batchMaxBytes * 2, [1, 1, 1]],
      ] as const) {
        const server = new TxnServer();
        const group = new GroupCommit(server);
        await busy(server, group);
        void group.write(whole);
        void group.write(write({ then: [put("b", new Uint8Array(size))] }));
        void group.write(write({ then: [put("c")] }));
        assert.deepEqual((await drain(server)).slice(2), expected);
      }
    });

    it("counts the operations of the largest member on top of the members", async () => {
      const wide = (at: number, operations: number) =>
        write({ then: Array.from({ length: operations }, (_, n) => put(`k${at}/${n}`)) });
      // One that is left goes by itself, and so as its bare operations.
      for (const [operations, count, expected] of [
        [28, 101, [100, 28]],
        [8, 120, [120]],
        [9, 120, [119, 9]],
        [127, 2, [127, 127]], // each by itself, and so flat
        [128, 1, [128]],
      ] as const) {
        const server = new TxnServer();
        const group = new GroupCommit(server);
        await busy(server, group);
        const outcomes = Array.from({ length: count }, (_, at) =>
          group.write(wide(at, operations)),
        );
        assert.deepEqual((await drain(server)).slice(2), expected);
        for (const outcome of await Promise.all(outcomes)) assert.equal(kindOf(outcome), "done");
      }
    });

    it("counts a member's compares and its else part as well", async () => {
      for (const part of ["when", "otherwise"] as const) {
        const server = new TxnServer();
        const group = new GroupCommit(server);
        await busy(server, group);
        const outcomes = Array.from({ length: 100 }, (_, at) => {
          const many = Array.from({ length: 30 }, (_, n) => `k${at}/${n}`);
          const parts =
            part === "when"
              ? { when: many.map(absent) }
              : { otherwise: many.map((key) => put(key)) };
          return group.write(write({ when: [absent(`k${at}`)], then: [put(`k${at}`)], ...parts }));
        });
        assert.deepEqual((await drain(server)).slice(2), [98, 2]);
        for (const outcome of await Promise.all(outcomes)) assert.equal(kindOf(outcome), "done");
      }
    });

    it("counts the facts, and what the else part reads and deletes", async () => {
      // 60 facts, 60 deletes and one nested transaction of 7 operations are etcd's 128.
      for (const [operations, expected] of [
        [7, 121],
        [8, 120],
      ] as const) {
        const server = new TxnServer();
        const group = new GroupCommit(server);
        await busy(server, group);
        const six = (at: number) => Array.from({ length: 6 }, (_, n) => del(`d${at}/${n}`));
        const wide = Array.from({ length: operations }, (_, n) => put(`n${n}`));
        const outcomes = [
          ...Array.from({ length: 60 }, (_, at) =>
            group.write(write({ given: [absent(`f${at}`)], then: [put(`k${at}`)] })),
          ),
          ...Array.from({ length: 10 }, (_, at) => group.write(write({ then: six(at) }))),
          group.write(write({ given: [absent("f0")], then: wide })),
          group.write(write({ then: [del("d")] })),
        ];
        await drain(server);
        const third = server.requests[2];
        assert.equal(third?.when.length, 60);
        assert.equal(third.then.length, expected);
        assert.equal(third.otherwise.length, 120);
        for (const outcome of await Promise.all(outcomes)) assert.equal(kindOf(outcome), "done");
      }
    });

    it("refuses a write that no transaction can carry, unsent", async () => {
      const server = new TxnServer({ auto: true });
      const group = new GroupCommit(server);
      const ops = (count: number) => Array.from({ length: count }, (_, n) => put(`k${n}`));
      const facts = [absent("f")];
      const border: [Write, string][] = [
        [write({ then: ops(128) }), "done"],
        [write({ then: ops(129) }), "invalidArgument"],
        [write({ given: facts, then: ops(128) }), "done"],
        [write({ given: facts, then: ops(129) }), "invalidArgument"],
        [write({ given: facts, when: [absent("w")], then: ops(127) }), "done"],
        [write({ given: facts, when: [absent("w")], then: ops(128) }), "invalidArgument"],
      ];
      for (const [one, expected] of border) assert.equal(kindOf(await group.write(one)), expected);
      assert.equal(server.requests.length, 3);
    });

    it("refuses what is more than may wait", async () => {
      const server = new TxnServer();
      const group = new GroupCommit(server, { waitingMax: 3, waitingMaxBytes: 10_000 });
      await busy(server, group);
      const fits = Array.from({ length: 3 }, (_, at) =>
        group.write(write({ then: [put(`k${at}`)] })),
      );
      assert.equal(kindOf(await group.write(write({ then: [put("x")] }))), "queueFull");
      await drain(server);
      for (const outcome of await Promise.all(fits)) assert.equal(kindOf(outcome), "done");
      await busy(server, group);
      const large = group.write(write({ then: [put("k", new Uint8Array(9_000))] }));
      const second = await group.write(write({ then: [put("x", new Uint8Array(1_000))] }));
      assert.equal(kindOf(second), "queueFull");
      await drain(server);
      assert.equal(kindOf(await large), "done");
    });
  });

  describe("what members share", () => {
    /** How many requests it takes to send all of them, when they wait together; the last one's then part. */
    async function rides(...writes: Write[]): Promise<number[]> {
      const server = new TxnServer();
      const group = new GroupCommit(server);
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
      const group = new GroupCommit(server);
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

  describe("facts", () => {
    it("compares what members share once, whatever object says it", async () => {
      const server = new TxnServer();
      const group = new GroupCommit(server);
      await busy(server, group);
      for (let at = 0; at < 10; at++) {
        void group.write(write({ given: [modified("s", 0), absent("b")], then: [put(`k${at}`)] }));
      }
      await drain(server);
      assert.deepEqual(server.requests[2]?.when, [modified("s", 0), absent("b")]);
    });

    it("never lets unlike expectations of one fact ride together", async () => {
      const server = new TxnServer();
      const group = new GroupCommit(server);
      await busy(server, group);
      const outcomes = [0, 7, 0, 7].map((at, n) =>
        group.write(write({ given: [modified("s", at)], then: [put(`k${n}`)] })),
      );
      assert.deepEqual((await drain(server)).slice(2), [2, 2]);
      assert.deepEqual((await Promise.all(outcomes)).map(kindOf), [
        "done",
        "stale",
        "done",
        "stale",
      ]);
    });

    it("tells who counted on a stale one what stands there now, and sends the others again by itself", async () => {
      const server = new TxnServer();
      const group = new GroupCommit(server);
      void group.write(write({ then: [put("held/1")] }));
      await drain(server);
      await busy(server, group);
      const marker: Fact = { kind: "empty", ...prefixRange("held/") };
      const outcomes = [
        write({ given: [modified("s", 0), modified("held/1", 9)], then: [put("a")] }),
        write({ given: [marker], when: [absent("b")], then: [put("b")] }),
        write({ given: [modified("s", 0)], then: [put("c")] }),
        write({ then: [put("d")] }),
        write({ then: [del("e")] }),
      ].map((one) => group.write(one));
      await drain(server);
      assert.deepEqual(
        server.requests.map(({ then }) => then.length),
        [1, 1, 1, 5, 2],
      );
      const [stale, marked, ...others] = await Promise.all(outcomes);
      const now = server.state.keys.get("held/1");
      const at = { cluster: "1", revision: 4n };
      const staleFact = { fact: modified("held/1", 9), key: "held/1", now };
      assert.deepEqual(stale, {
        kind: "refused",
        reason: { code: "stale", facts: [staleFact], at },
      });
      assert.deepEqual(marked, {
        kind: "refused",
        reason: { code: "stale", facts: [{ fact: marker, key: "held/1", now }], at },
      });
      assert.deepEqual(others.map(kindOf), ["done", "done", "done"]);
      assert.deepEqual([...server.state.keys.keys()], ["held/1", "busy/1", "busy/2", "c", "d"]);
    });

    it("tells of a fact about a key that is gone that nothing stands there", async () => {
      const server = new TxnServer({ auto: true });
      const outcome = await new GroupCommit(server).write(
        write({ given: [modified("s", 5)], when: [absent("a")], then: [put("a")] }),
      );
      assert.deepEqual(outcome, {
        kind: "refused",
        reason: {
          code: "stale",
          facts: [{ fact: modified("s", 5), key: "s", now: undefined }],
          at: { cluster: "1", revision: 1n },
        },
      });
    });

    it("refuses a write that contradicts itself, and only that one", async () => {
      const server = new TxnServer({ auto: true });
      const group = new GroupCommit(server);
      const outcomes = await Promise.all([
        group.write(write({ given: [modified("s", 0), modified("s", 4)], then: [put("a")] })),
        group.write(write({ given: [modified("t", 0)], then: [put("b")] })),
      ]);
      assert.deepEqual(outcomes.map(kindOf), ["stale", "done"]);
      // Nothing stays owned: the keys can be written again, together.
      await Promise.all([
        group.write(write({ then: [put("s")] })),
        group.write(write({ then: [put("t")] })),
      ]);
    });

    it("lets unconditional deletes through whatever becomes of the facts", async () => {
      const server = new TxnServer();
      const group = new GroupCommit(server);
      await busy(server, group);
      const lost = group.write(write({ given: [modified("s", 5)], then: [put("a")] }));
      const release = group.write(write({ then: [del("busy/1")] }));
      await drain(server);
      assert.equal(kindOf(await lost), "stale");
      assert.deepEqual(await release, {
        kind: "done",
        value: { held: true, results: [{ kind: "deleted", existed: true }] },
        at: { cluster: "1", revision: 4n },
      });
      assert.equal(server.requests.length, 3);
    });
  });

  describe("refusals", () => {
    const names = (request: { then: readonly unknown[] }, word: string) =>
      JSON.stringify(request.then, (_, part: unknown) =>
        typeof part === "bigint" ? String(part) : part,
      ).includes(word);

    it("fails only the culprit, and sends each of the others on", async () => {
      const server = new TxnServer();
      const group = new GroupCommit(server);
      server.leases.add(1n as LeaseId);
      await busy(server, group);
      const outcomes = Array.from({ length: 120 }, (_, at) => {
        const lease = (at === 77 ? 666n : 1n) as LeaseId;
        const own: Op = { kind: "putEphemeral", key: `k${at}`, value, lease };
        return group.write(write({ given: [absent("s")], when: [absent(`k${at}`)], then: [own] }));
      });
      await drain(server);
      const kinds = (await Promise.all(outcomes)).map(kindOf);
      assert.deepEqual(
        kinds.filter((kind) => kind !== "done"),
        ["leaseNotFound"],
      );
      assert.equal(kinds[77], "leaseNotFound");
      // Two for what was busy, one, and then two for each time that 120 can be halved.
      assert.ok(server.requests.length <= 3 + 2 * 7, `${server.requests.length} requests`);
    });

    for (const reason of [
      { code: "overloaded", message: "etcdserver: too many requests" },
      { code: "unauthenticated", message: "x" },
      { code: "notSent", message: "x" },
    ] satisfies StoreRefusal[]) {
      it(`tells all members of ${reason.code}, and sends nothing again`, async () => {
        const server = new TxnServer();
        const group = new GroupCommit(server);
        await busy(server, group);
        const outcomes = ["a", "b", "c"].map((key) => group.write(write({ then: [put(key)] })));
        server.refuse = (request) => (names(request, '"a"') ? reason : undefined);
        await drain(server);
        assert.deepEqual((await Promise.all(outcomes)).map(kindOf), [
          reason.code,
          reason.code,
          reason.code,
        ]);
        assert.equal(server.requests.length, 3);
      });
    }

    it("tells all members of an unknown outcome, and sends nothing again", async () => {
      const server = new TxnServer();
      const group = new GroupCommit(server);
      await busy(server, group);
      const outcomes = ["a", "b", "c"].map((key) => group.write(write({ then: [put(key)] })));
      server.answer(server.next());
      await settled();
      const [, batch] = server.pending;
      if (batch === undefined) assert.fail();
      server.lose(batch);
      assert.deepEqual((await Promise.all(outcomes)).map(kindOf), [
        "noAnswer",
        "noAnswer",
        "noAnswer",
      ]);
      await drain(server);
      assert.equal(server.requests.length, 3);
      // What was unknown owns nothing any more.
      void group.write(write({ then: [put("a")] }));
      assert.deepEqual(await drain(server), [1]);
    });

    it("fails the members, and no others, when the port breaks", async () => {
      const server = new TxnServer({ auto: true });
      let broken = true;
      const group = new GroupCommit({
        sendTxn: (request) => (broken ? Promise.reject(new Error("bug")) : server.sendTxn(request)),
      });
      await assert.rejects(group.write(write({ then: [put("a")] })), /bug/);
      broken = false;
      assert.equal(kindOf(await group.write(write({ then: [put("a")] }))), "done");
    });
  });

  describe("a full store", () => {
    const withPut = (server: TxnServer, from: number) =>
      server.requests.slice(from).map((request) => {
        const kinds = new Set(
          allOps(request).map((op) => (op.kind === "putDurable" ? "put" : "other")),
        );
        return [...kinds].sort().join("+");
      });

    it("still lets go: deletes travel apart from puts, and go through", async () => {
      const server = new TxnServer();
      const group = new GroupCommit(server);
      await busy(server, group);
      server.full = true;
      const mixed = [
        group.write(write({ then: [put("a")] })),
        group.write(write({ then: [del("b")] })),
        group.write(write({ when: [absent("c")], then: [del("d")], otherwise: [put("d")] })),
        group.write(write({ given: [absent("s")], then: [del("e")] })),
      ];
      await drain(server);
      assert.deepEqual((await Promise.all(mixed)).map(kindOf), [
        "noSpace",
        "done",
        "noSpace",
        "done",
      ]);
      // The two that kept it busy, the mixed one, and again what needs no space.
      assert.deepEqual(withPut(server, 2), ["other+put", "other"]);
    });

    it("refuses a batch of puts with one request, and mixes again once a put goes through", async () => {
      const server = new TxnServer({ auto: true });
      const group = new GroupCommit(server);
      server.full = true;
      const round = (name: string) =>
        Promise.all(
          Array.from({ length: 20 }, (_, at) =>
            group.write(
              write({ then: [at % 2 === 0 ? put(`${name}${at}`) : del(`${name}${at}`)] }),
            ),
          ),
        );
      const outcome = (at: number, ofPut: string) => (at % 2 === 0 ? ofPut : "done");
      for (const name of ["a", "b"]) {
        const kinds = (await round(name)).map(kindOf);
        assert.deepEqual(
          kinds,
          kinds.map((_, at) => outcome(at, "noSpace")),
        );
      }
      // The first finds out; from then on the two sorts go apart.
      assert.deepEqual(withPut(server, 0), ["other+put", "other", "put", "other"]);
      server.full = false;
      assert.deepEqual(new Set((await round("c")).map(kindOf)), new Set(["done"]));
      const before = server.requests.length;
      assert.deepEqual(new Set((await round("d")).map(kindOf)), new Set(["done"]));
      assert.deepEqual(withPut(server, before), ["other+put"]);
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
      const group = new GroupCommit(server);
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
      const group = new GroupCommit(server);
      for (let at = 0; at < aloneMax; at++) void group.write(epoch);
      assert.equal(kindOf(await group.write(epoch)), "queueFull");
      await drain(server);
      void group.write(epoch);
      assert.deepEqual(await drain(server), [1]);
    });
  });

  it("refuses what waits when it is closed, and waits for what is under way", async () => {
    const server = new TxnServer();
    const group = new GroupCommit(server);
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
