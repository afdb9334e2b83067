import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { isSame, standing } from "#core/lock/order.ts";
import { revision } from "#core/store.ts";

const contender = (key: string, created: bigint) => ({ key, createRevision: revision(created) });

describe("the order of a lock's contenders", () => {
  const ordered = [contender("a", 5n), contender("b", 7n), contender("c", 9n)];

  it("tells who holds, who waits, and for whom", () => {
    assert.equal(standing(ordered, { key: "a", created: revision(5n) }).kind, "holds");
    const waits = standing(ordered, { key: "c", created: revision(9n) });
    assert.ok(waits.kind === "waits");
    assert.equal(waits.before.key, "b");
    assert.equal(waits.first.key, "a");
  });

  it("takes a contender under my key that was made at another revision for none of mine", () => {
    for (const created of [4n, 6n])
      assert.equal(standing(ordered, { key: "a", created: revision(created) }).kind, "gone");
    assert.equal(isSame(contender("a", 5n), { key: "a", created: revision(5n) }), true);
    assert.equal(isSame(contender("a", 5n), { key: "b", created: revision(5n) }), false);
  });
});
