import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import { Released } from "#core/lock/released.ts";

describe("the numbers of released grants", () => {
  it("are exactly those that were added, as a set would have them", () => {
    const numbers = fc.array(fc.integer({ min: 990, max: 40_000 }));
    fc.assert(
      fc.property(numbers, numbers, (added, asked) => {
        const released = new Released(1_000);
        const set = new Set<number>();
        for (const number of added) if (released.add(number)) set.add(number);
        for (const number of added) assert.equal(set.has(number), number >= 1_000);
        for (const number of [...asked, ...added])
          assert.equal(released.has(number), set.has(number), String(number));
      }),
    );
  });

  it("are bounded: what is too far on is not taken", () => {
    const released = new Released(1);
    assert.equal(released.add(2 ** 20), true);
    assert.equal(released.add(2 ** 20 + 1), false);
    assert.equal(released.has(2 ** 20), true);
    assert.equal(released.has(2 ** 20 + 1), false);
  });
});
