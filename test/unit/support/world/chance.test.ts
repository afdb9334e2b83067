import assert from "node:assert/strict";
import fc from "fast-check";
import { Chance } from "#test/support/world/chance.ts";

function draw(seed: string, count: number): number[] {
  const chance = new Chance(seed);
  return Array.from({ length: count }, () => chance.uint32());
}

describe("chance from a seed", () => {
  it("is the same on every machine", () => {
    assert.deepEqual(draw("holdfast", 4), [720482987, 18216660, 3650597439, 3859076177]);
  });

  it("repeats with its seed, and differs with any other", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        assert.deepEqual(draw(one, 8), draw(one, 8));
        if (one !== other) assert.notDeepEqual(draw(one, 8), draw(other, 8));
      }),
    );
  });

  it("spreads evenly", () => {
    const chance = new Chance("even");
    const buckets = Array.from({ length: 16 }, () => 0);
    for (let at = 0; at < 16_000; at++) {
      const bucket = Math.floor(chance.fraction() * 16);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    for (const count of buckets) assert(count > 800 && count < 1_200, String(count));
  });

  it("stays within its bounds, and reaches both of them in whole numbers", () => {
    const chance = new Chance("bounds");
    const drawn = new Set(
      Array.from({ length: 200 }, () => chance.wholeBetween({ min: -1, max: 2 })),
    );
    assert.deepEqual([...drawn].sort(), [-1, 0, 1, 2]);
    for (let at = 0; at < 1_000; at++) {
      const value = chance.between({ min: 3, max: 4 });
      assert(value >= 3 && value < 4);
    }
    assert.match(chance.hex(16), /^[0-9a-f]{32}$/);
  });

  it("draws nothing for what is certain", () => {
    const chance = new Chance("certain");
    const same = new Chance("certain");
    assert.deepEqual([chance.happens(0), chance.happens(1)], [false, true]);
    assert.equal(chance.uint32(), same.uint32());
  });

  it("has nothing to choose from an empty list", () => {
    assert.throws(() => new Chance("none").oneOf([]), RangeError);
  });
});
