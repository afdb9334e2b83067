import assert from "node:assert/strict";
import { nearest } from "#api/fields/nearest.ts";

describe("the nearest name", () => {
  const known = ["ttl", "maxTtl", "maxHold", "stickyFor", "lockDelay"];
  const meant: readonly (readonly [string, string | undefined])[] = [
    ["tll", "ttl"],
    ["TTL", "ttl"],
    ["stikyFor", "stickyFor"],
    ["sticky-for", "stickyFor"],
    ["stckyFr", "stickyFor"],
    ["stckyfro", undefined],
    ["lock_delay", "lockDelay"],
    ["maxttl", "maxTtl"],
    ["backend", undefined],
    ["", undefined],
    ["x", undefined],
    ["x".repeat(100_000), undefined],
  ];
  for (const [name, expected] of meant) {
    it(`to '${name.slice(0, 20)}' is ${expected ?? "none"}`, () => {
      assert.equal(nearest(name, known), expected);
    });
  }
});
