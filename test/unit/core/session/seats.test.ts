import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { Seats } from "#core/session/seats.ts";
import type { Key } from "#core/store.ts";

function counting(): Seats {
  let given = 0;
  return new Seats(() => String((given += 1)).padStart(10, "0"));
}

const keyOf = (seat: string): Key => `/locks/orders/42/0a1b-${seat}`;

describe("the seats of a session, by turns", () => {
  it("give the same word again, and the other one beside a place that is left", () => {
    const seats = counting();
    const first = seats.free(undefined);
    assert.equal(seats.free(undefined), first);
    const second = seats.free(keyOf(first));
    assert.notEqual(second, first);
    assert.equal(seats.free(keyOf(second)), first);
  });

  it("give neither word again once they are spoiled, with a place that is left or without", () => {
    const seats = counting();
    const before = [seats.free(undefined), seats.free(keyOf(seats.free(undefined)))];
    seats.spoil();
    for (const leaving of [undefined, ...before.map(keyOf), keyOf(seats.free(undefined))])
      assert.ok(!before.includes(seats.free(leaving)), String(leaving));
  });
});
