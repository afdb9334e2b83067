import assert from "node:assert/strict";
import { noRevision, prefixRange, revision, type LeaseId } from "#core/store.ts";
import type { Told } from "#test/support/etcd-model/history.ts";
import { Quota } from "#test/support/etcd-model/quota.ts";
import { codeOf, doneOf, nested, put, stage, txn, type Stage } from "./stage.ts";

const all = { key: "a", end: "z" };

function grant({ etcd }: Stage, ttlMs = 5_000): LeaseId {
  return doneOf(etcd.grant(ttlMs)).value.lease;
}

describe("the etcd model", () => {
  describe("in a transaction", exerciseTransactions);
  describe("with leases", exerciseLeases);
  describe("with a quota", exerciseQuota);
  describe("with its database", exerciseFile);
  describe("begun anew", exerciseAnew);
  describe("with its history", exerciseHistory);
});

function exerciseTransactions(): void {
  it("compares at every depth before it writes anything", () => {
    const { etcd } = stage();
    const absent = { kind: "created", key: "a", revision: noRevision } as const;
    const answer = doneOf(
      etcd.txn(
        txn(
          nested({ compares: [absent], then: [put("a")] }),
          nested({ compares: [absent], then: [put("b")], otherwise: [put("c")] }),
        ),
      ),
    );
    assert.deepEqual(
      answer.value.answers.map((each) => each.kind === "txn" && each.answer.held),
      [true, true],
    );
    assert.equal(etcd.keys.get("b")?.createRevision, etcd.keys.get("a")?.createRevision);
    assert.equal(etcd.keys.get("c"), undefined);
  });

  it("counts operations by path: 127 nested ones fit, 128 do not", () => {
    const { etcd } = stage();
    const members = (count: number, puts: number) =>
      txn(
        ...Array.from({ length: count }, (_, at) =>
          nested({
            then: Array.from({ length: puts }, (_unused, n) => put(`${String(at)}/${String(n)}`)),
          }),
        ),
      );
    assert.equal(codeOf(etcd.txn(members(127, 1))), "done");
    assert.equal(codeOf(etcd.txn(members(128, 1))), "invalidArgument");
    assert.equal(codeOf(etcd.txn(members(100, 28))), "done");
    assert.equal(codeOf(etcd.txn(members(100, 29))), "invalidArgument");
  });

  it("refuses one key put by two members, and one put beside or after its delete; put then deleted passes", () => {
    const { etcd } = stage();
    const deletion = { kind: "delete", key: "a" } as const;
    const refusals = [
      txn(nested({ then: [put("a")] }), nested({ then: [put("a")] })),
      txn(nested({ then: [put("a")] }), nested({ otherwise: [put("a")] })),
      txn(deletion, nested({ then: [put("a")] })),
      txn(nested({ then: [put("a")] }), deletion),
      txn(nested({ then: [deletion] }), nested({ then: [put("a")] })),
      txn(put("a"), nested({ then: [deletion] })),
    ];
    for (const each of refusals) assert.equal(codeOf(etcd.txn(each)), "invalidArgument");
    const passes = txn(nested({ then: [put("a")] }), nested({ then: [deletion] }));
    assert.equal(codeOf(etcd.txn(passes)), "done");
    assert.equal(etcd.keys.get("a"), undefined);
    assert.equal(
      codeOf(etcd.txn(txn(nested({ then: [put("a")], otherwise: [put("a")] })))),
      "done",
    );
  });

  it("refuses all for one lease that is not there, but only on the way that runs", () => {
    const { etcd } = stage();
    const noLease = 7n as LeaseId;
    const bad = txn(put("a"), nested({ then: [put("b", noLease)] }));
    assert.equal(codeOf(etcd.txn(bad)), "leaseNotFound");
    assert.equal(etcd.keys.size, 0);
    assert.equal(etcd.header.revision, 1n);
    assert.equal(codeOf(etcd.txn(txn(nested({ otherwise: [put("b", noLease)] })))), "done");
  });

  it("has one revision for a request that changed something, none for another", () => {
    const { etcd } = stage();
    doneOf(etcd.txn(txn(put("a"), put("b"))));
    assert.equal(etcd.header.revision, 2n);
    doneOf(etcd.txn(txn({ kind: "delete", key: "c" }, { kind: "range", range: all })));
    assert.equal(etcd.header.revision, 2n);
    doneOf(etcd.txn(txn({ kind: "delete", key: "a", end: "z" })));
    assert.equal(etcd.header.revision, 3n);
    assert.equal(etcd.keys.size, 0);
  });
}

function exerciseLeases(): void {
  it("lets a lease go at its end or up to half a second later, with all its keys at one revision", async () => {
    for (let round = 0; round < 5; round++) {
      const on = stage();
      const lease = grant(on);
      doneOf(on.etcd.txn(txn(put("a", lease), put("b", lease))));
      await on.world.run(4_999);
      assert.equal(on.etcd.keys.size, 2);
      await on.world.run(5_500);
      assert.equal(on.etcd.keys.size, 0);
      assert.equal(on.etcd.header.revision, 3n);
    }
  });

  it("answers a keepalive that comes after the end when the lease is let go", async () => {
    const { world, etcd } = stage({ expiryLateMs: { min: 400, max: 400 } });
    const lease = doneOf(etcd.grant(5_000)).value.lease;
    const answers: { readonly atMs: number; readonly ttlMs: number | undefined }[] = [];
    const renew = (): void =>
      etcd.renew(lease, ({ value }) => answers.push({ atMs: world.nowMs, ttlMs: value }));
    world.at(1_000, renew);
    world.at(6_100, renew);
    await world.run(10_000);
    assert.deepEqual(answers, [
      { atMs: 1_000, ttlMs: 5_000 },
      { atMs: 6_400, ttlMs: undefined },
    ]);
  });

  it("counts leases on the server's own clock, and ends them late when the server was paused", async () => {
    const slow = stage();
    slow.etcd.runtime.setMonotonicRate(0.5);
    grant(slow);
    await slow.world.run(9_999);
    assert.equal(slow.etcd.snapshot().leases.length, 1);
    const paused = stage();
    grant(paused);
    paused.etcd.runtime.pause();
    await paused.world.run(20_000);
    assert.equal(paused.etcd.snapshot().leases.length, 1);
    paused.etcd.runtime.resume();
    await paused.world.settle();
    assert.equal(paused.etcd.snapshot().leases.length, 0);
  });

  it("counts every lease anew after a restart", async () => {
    const on = stage();
    const lease = grant(on);
    doneOf(on.etcd.txn(txn(put("a", lease))));
    await on.world.run(4_000);
    on.etcd.restart();
    await on.world.run(8_999);
    assert.equal(on.etcd.keys.size, 1);
    await on.world.run(9_500);
    assert.equal(on.etcd.keys.size, 0);
  });
}

function exerciseQuota(): void {
  it("refuses puts and leases when it is used up, and lets deletes and revokes through", () => {
    const on = stage({ quotaBytes: 2_000 });
    const lease = grant(on);
    doneOf(on.etcd.txn(txn(put("a", lease), put("b"))));
    assert.equal(codeOf(on.etcd.txn(txn(put("c", undefined, "x".repeat(2_000))))), "noSpace");
    assert.equal(codeOf(on.etcd.txn(txn(put("c")))), "noSpace");
    assert.equal(codeOf(on.etcd.txn(txn(nested({ otherwise: [put("c")] })))), "noSpace");
    assert.equal(on.etcd.grant(5_000).kind, "refused");
    assert.equal(codeOf(on.etcd.txn(txn({ kind: "delete", key: "b" }))), "done");
    assert.equal(doneOf(on.etcd.revoke(lease)).value, "revoked");
    assert.equal(on.etcd.keys.size, 0);
  });

  it("is healed by defragmentation after compaction, and then disarming; by nothing less", () => {
    const { etcd } = stage({ quotaBytes: 2_000 });
    for (let at = 0; at < 6; at++) doneOf(etcd.txn(txn(put("a"))));
    const another = (): string => codeOf(etcd.txn(txn(put("b", undefined, "x".repeat(400)))));
    assert.equal(another(), "noSpace");
    doneOf(etcd.txn(txn({ kind: "delete", key: "a" })));
    etcd.compact(etcd.header.revision);
    etcd.quota.disarm();
    assert.equal(another(), "noSpace");
    etcd.quota.defragment();
    assert.equal(another(), "noSpace");
    etcd.quota.disarm();
    assert.equal(another(), "done");
  });
}

function exerciseFile(): void {
  it("has a file that only defragmentation makes smaller", () => {
    const quota = new Quota(2_000);
    quota.written(1_500);
    quota.compacted(100);
    quota.written(200);
    assert.equal(quota.fileBytes, 1_500);
    quota.defragment();
    assert.equal(quota.fileBytes, 300);
    quota.fill();
    assert.deepEqual([quota.alarm, quota.admits(1), quota.admits(0)], [true, false, true]);
  });
}

function exerciseAnew(): void {
  it("from a snapshot has the snapshot's revision, keys and leases, which count anew", async () => {
    const on = stage();
    const lease = grant(on);
    doneOf(on.etcd.txn(txn(put("a", lease))));
    const snapshot = on.etcd.snapshot();
    const { cluster, revision: taken } = on.etcd.header;
    doneOf(on.etcd.txn(txn(put("b"), { kind: "delete", key: "a" })));
    await on.world.run(4_000);
    on.etcd.restore(snapshot);
    assert.equal(on.etcd.header.revision, taken);
    assert.notEqual(on.etcd.header.cluster, cluster);
    assert.deepEqual([on.etcd.keys.get("a")?.lease, on.etcd.keys.get("b")], [lease, undefined]);
    await on.world.run(8_900);
    assert.equal(on.etcd.keys.size, 1);
    await on.world.run(9_600);
    assert.equal(on.etcd.keys.size, 0);
  });

  it("from nothing begins at revision 1, on request with the same cluster's id", async () => {
    const on = stage();
    const lease = grant(on);
    doneOf(on.etcd.txn(txn(put("a", lease))));
    const { cluster } = on.etcd.header;
    on.etcd.wipe(true);
    assert.deepEqual(on.etcd.header, { cluster, revision: 1n });
    assert.equal(on.etcd.keys.size, 0);
    assert.equal(doneOf(on.etcd.keysOf(lease)).value, undefined);
    await on.world.run(10_000);
    assert.equal(on.etcd.header.revision, 1n);
    on.etcd.wipe();
    assert.notEqual(on.etcd.header.cluster, cluster);
  });
}

function exerciseHistory(): void {
  it("tells a past in one message, and then one message a revision", () => {
    const { etcd } = stage();
    for (const key of ["a", "b", "x/1"]) doneOf(etcd.txn(txn(put(key))));
    const told: Told[] = [];
    const watching = etcd.watch(prefixRange("x/"), revision(2), (each) => told.push(each));
    doneOf(etcd.txn(txn(put("x/2"), put("x/3"), put("y"))));
    doneOf(etcd.txn(txn(put("c"))));
    watching.progress();
    watching.cancel();
    doneOf(etcd.txn(txn(put("x/4"))));
    watching.progress();
    assert.deepEqual(
      told.map((each) => [
        each.kind,
        "at" in each && Number(each.at.revision),
        each.kind === "changes" && each.events.length,
      ]),
      [
        ["changes", 4, 1],
        ["changes", 5, 2],
        ["progress", 6, false],
      ],
    );
  });

  it("is told from the compacted revision on, and not from before it", () => {
    const { etcd } = stage();
    for (const key of ["a", "b", "c"]) doneOf(etcd.txn(txn(put(key))));
    etcd.compact(revision(3));
    const told: Told[] = [];
    etcd.watch(all, revision(2), (each) => told.push(each));
    etcd.watch(all, revision(3), (each) => told.push(each));
    assert.deepEqual(
      told.map((each) => (each.kind === "changes" ? each.events.length : each)),
      [{ kind: "compacted", compacted: 3n }, 2],
    );
    assert.throws(() => etcd.compact(revision(3)), RangeError);
    assert.throws(() => etcd.compact(revision(5)), RangeError);
  });

  it("ends every watch with a restart", () => {
    const { etcd } = stage();
    const told: Told[] = [];
    etcd.watch(all, revision(2), (each) => told.push(each));
    etcd.restart();
    doneOf(etcd.txn(txn(put("a"))));
    assert.deepEqual(told, [{ kind: "broken" }]);
  });
}
