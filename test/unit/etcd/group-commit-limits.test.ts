import assert from "node:assert/strict";
import { describe, it } from "mocha";
import type { Write } from "#core/store.ts";
import { GroupCommit } from "#etcd/group-commit.ts";
import { batchMaxBytes, membersMax } from "#etcd/group-commit/batch.ts";
import { Member } from "#etcd/group-commit/member.ts";
import { TxnServer } from "./group-commit-server.ts";
import { absent, busy, del, drain, kindOf, put, write, twoBatches } from "./group-commit-writes.ts";

describe("group commit's limits", () => {
  it(`puts ${membersMax} members into a batch, and not one more`, async () => {
    for (const [count, expected] of [
      [membersMax, [membersMax]],
      [membersMax + 1, [membersMax, 1]],
    ] as const) {
      const server = new TxnServer();
      const group = new GroupCommit(server, twoBatches);
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
      const group = new GroupCommit(server, twoBatches);
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
      const group = new GroupCommit(server, twoBatches);
      await busy(server, group);
      const outcomes = Array.from({ length: count }, (_, at) => group.write(wide(at, operations)));
      assert.deepEqual((await drain(server)).slice(2), expected);
      for (const outcome of await Promise.all(outcomes)) assert.equal(kindOf(outcome), "done");
    }
  });

  it("counts a member's compares and its else part as well", async () => {
    for (const part of ["when", "otherwise"] as const) {
      const server = new TxnServer();
      const group = new GroupCommit(server, twoBatches);
      await busy(server, group);
      const outcomes = Array.from({ length: 100 }, (_, at) => {
        const many = Array.from({ length: 30 }, (_, n) => `k${at}/${n}`);
        const parts =
          part === "when" ? { when: many.map(absent) } : { otherwise: many.map((key) => put(key)) };
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
      const group = new GroupCommit(server, twoBatches);
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

  it("counts the deletes beside the facts' reads, where the facts are more than the members", async () => {
    for (const [deletes, requests] of [
      [48, 3],
      [49, 4],
    ] as const) {
      const server = new TxnServer();
      const group = new GroupCommit(server, twoBatches);
      await busy(server, group);
      for (let at = 0; at < 40; at++) {
        const given = [absent(`f${at}`), absent(`g${at}`)];
        void group.write(write({ given, then: [put(`k${at}`)] }));
      }
      for (let at = 0; at < deletes; at++) void group.write(write({ then: [del(`d${at}`)] }));
      await drain(server);
      assert.equal(server.requests[2]?.otherwise.length, 128);
      assert.equal(server.requests.length, requests);
    }
  });

  it("refuses a write that no transaction can carry, unsent", async () => {
    const server = new TxnServer({ auto: true });
    const group = new GroupCommit(server, twoBatches);
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
    const group = new GroupCommit(server, {
      ...twoBatches,
      waitingMax: 3,
      waitingMaxBytes: 10_000,
    });
    await busy(server, group);
    const fits = Array.from({ length: 3 }, (_, at) =>
      group.write(write({ then: [put(`k${at}`)] })),
    );
    assert.equal(kindOf(await group.write(write({ then: [put("x")] }))), "queueFull");
    await drain(server);
    for (const outcome of await Promise.all(fits)) assert.equal(kindOf(outcome), "done");
    // What was sent does not count any more.
    for (let at = 0; at < 3; at++) {
      void group.write(write({ then: [put("k", new Uint8Array(9_000))] }));
      await drain(server);
    }
    await busy(server, group);
    const large = group.write(write({ then: [put("k", new Uint8Array(9_000))] }));
    const second = await group.write(write({ then: [put("x", new Uint8Array(1_000))] }));
    assert.equal(kindOf(second), "queueFull");
    const small = group.write(write({ then: [put("x")] }));
    await drain(server);
    assert.equal(kindOf(await small), "done");
    assert.equal(kindOf(await large), "done");
  });
});
