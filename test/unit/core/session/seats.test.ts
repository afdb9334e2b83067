import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { Seats, SideSeats } from "#core/session/seats.ts";
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

describe("the seats of places that stand beside each other", () => {
  it("are neither of the pair, and are given again when they were left", () => {
    const seats = counting();
    const beside = new SideSeats();
    const pair = [seats.free(undefined), seats.free(keyOf(seats.free(undefined)))];
    const [one, other] = [beside.take(seats), beside.take(seats)];
    assert.equal(new Set([...pair, one.word, other.word]).size, 4);
    one.leave();
    one.leave();
    assert.equal(beside.take(seats).word, one.word);
    assert.ok(![...pair, one.word, other.word].includes(beside.take(seats).word));
  });

  it("are given to nobody else while one who began under the session before comes late", () => {
    const [before, now] = [counting(), counting()];
    const beside = new SideSeats();
    beside.take(before);
    const standing = beside.take(now);
    beside.take(before).leave();
    assert.notEqual(beside.take(now).word, standing.word);
  });

  it("are others once they were spoiled, whatever is left of those before", () => {
    const seats = counting();
    const beside = new SideSeats();
    const spoiled = beside.take(seats);
    seats.spoil();
    spoiled.leave();
    assert.notEqual(beside.take(seats).word, spoiled.word);
  });
});
