import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { fenceOf, handoversMax, joinedMax } from "#core/lock/fence.ts";
import { revision } from "#core/store.ts";

describe("a fence", () => {
  const base = 17_672_256_003_259n;

  it("grows with each hand-over, with the next contender, and with the base", () => {
    const first = fenceOf({ base, handovers: 0, isOwn: false }, revision(12));
    const handedOver = fenceOf({ base, handovers: handoversMax, isOwn: false }, revision(12));
    const next = fenceOf({ base, handovers: 0, isOwn: false }, revision(13));
    const raised = fenceOf({ base: base + 1n, handovers: 0, isOwn: false }, revision(13));
    assert.ok(first < handedOver && handedOver < next && next < raised);
  });

  it("of one that stands beside others lies between those of contenders before and after it", () => {
    const before = fenceOf({ base, handovers: handoversMax, isOwn: false }, revision(12));
    const own = fenceOf({ base, handovers: 0, isOwn: true }, revision(13));
    const after = fenceOf({ base, handovers: 0, isOwn: false }, revision(14));
    assert.ok(before < own && own < after);
  });

  it("is unlike that of another that was made later, and granted before the base rose by as much", () => {
    for (const apart of [1, 2, 1_000, 65_535])
      for (const joined of [0, 1, joinedMax]) {
        const waited = { base: base + BigInt(apart), handovers: joined, isOwn: true };
        for (const handovers of [0, 1, joinedMax]) {
          const later = { base, handovers, isOwn: true };
          assert.notEqual(fenceOf(waited, revision(12)), fenceOf(later, revision(12 + apart)));
        }
      }
  });
});
