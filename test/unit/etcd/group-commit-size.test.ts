import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import { revision, type Compare, type LeaseId, type Op, type Write } from "#core/store.ts";
import { TxnRequest } from "#etcd/codec/etcdserverpb/rpc.ts";
import { Batch } from "#etcd/group-commit/batch.ts";
import { factBytes, Member } from "#etcd/group-commit/member.ts";
import { encodeTxn } from "#etcd/txn.ts";

const key = fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 200 });
const number = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n });
const compare: fc.Arbitrary<Compare> = fc.oneof(
  fc.record({
    kind: fc.constant("modified" as const),
    key,
    revision: number.map((at) => revision(at)),
  }),
  fc.record({ kind: fc.constant("empty" as const), key, end: key }),
);
const op: fc.Arbitrary<Op> = fc.oneof(
  fc.record({
    kind: fc.constant("putEphemeral" as const),
    key,
    value: fc.uint8Array({ maxLength: 300 }),
    lease: number.map((id) => id as LeaseId),
  }),
  fc.record({ kind: fc.constant("delete" as const), key }),
  fc.record({
    kind: fc.constant("list" as const),
    range: fc.record({ key, end: key, limit: fc.nat() }),
  }),
);
const conditional: fc.Arbitrary<Write> = fc.record({
  given: fc.array(compare, { maxLength: 3 }),
  when: fc.array(compare, { maxLength: 3 }),
  then: fc.array(op, { maxLength: 4 }),
  otherwise: fc.array(op, { maxLength: 4 }),
});
/** These stand in both parts of a batch. */
const deletes: fc.Arbitrary<Write> = fc.array(key, { minLength: 1, maxLength: 3 }).map((keys) => ({
  given: [],
  when: [],
  then: keys.map((one) => ({ kind: "delete" as const, key: one })),
  otherwise: [],
}));
const write = fc.oneof(conditional, deletes);

function assertCounted(writes: readonly Write[]): void {
  const nothing = () => undefined;
  const members = writes.map((one) => new Member(one, nothing, nothing));
  const batch = Batch.of(members);
  const counted =
    members.reduce((sum, member) => sum + member.bytes, 0) +
    batch.facts.list.reduce((sum, fact) => sum + factBytes(fact), 0);
  const bytes = TxnRequest.encode(encodeTxn(batch.request())).finish().length;
  assert.ok(bytes <= counted, `${bytes} bytes, counted as ${counted}`);
}

describe("the size of a batch", () => {
  it("is never more than was counted", () => {
    fc.assert(
      fc.property(fc.array(write, { minLength: 1, maxLength: 8 }), (writes) => {
        assertCounted(writes);
      }),
    );
  });

  it("counts an unconditional delete in both parts", () => {
    const long = (at: number) => `${"k".repeat(300)}${at}`;
    const remove = (at: number): Write => ({
      given: [],
      when: [],
      then: [{ kind: "delete", key: long(at) }],
      otherwise: [],
    });
    const believer: Write = {
      given: [{ kind: "created", key: "s", revision: revision(5) }],
      when: [],
      then: [{ kind: "delete", key: "a" }],
      otherwise: [],
    };
    assertCounted([believer, ...Array.from({ length: 100 }, (_, at) => remove(at))]);
  });
});
