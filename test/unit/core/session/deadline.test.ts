import assert from "node:assert/strict";
import fc from "fast-check";
import { deadlineOf, jeopardyOf, slept, type SentBeat } from "#core/session/deadline.ts";
import type { Instant } from "#core/runtime.ts";

function beatOf(ttlMs: number): SentBeat {
  return { sentAt: 0 as Instant, wallAheadMs: 0, ttlMs };
}

/** Clocks that go at rates up to 1 % apart from the true one. */
const rate = fc.double({ min: 0.99, max: 1.01, noNaN: true });
/** Etcd grants no less than 2 s, a session asks for no less than 3. */
const ttl = fc.integer({ min: 3_000, max: 60_000 });

describe("the deadline of a session", () => {
  it("is never after the end of its lease, for clocks 1 % apart and a sleep that is not noticed", () => {
    const sleep = fc.double({ min: 0, max: 10_000, noNaN: true });
    fc.assert(
      fc.property(ttl, fc.tuple(rate, rate), sleep, (ttlMs, [ownRate, serverRate], sleptMs) => {
        const beat = beatOf(ttlMs);
        fc.pre(!slept(beat, sleptMs));
        const deadlineTrueMs = deadlineOf(beat) / ownRate + sleptMs;
        const leaseEndsTrueMs = ttlMs / serverRate;
        assert.ok(deadlineTrueMs <= leaseEndsTrueMs);
      }),
    );
  });

  it("leaves time between jeopardy and itself", () => {
    fc.assert(
      fc.property(ttl, (ttlMs) => {
        assert.ok(jeopardyOf(beatOf(ttlMs)) < deadlineOf(beatOf(ttlMs)));
      }),
    );
  });
});

describe("a machine that slept", () => {
  it("is noticed as soon as its wall clock ran ahead by more than half of the margin", () => {
    assert.equal(slept(beatOf(10_000), 501), true);
    assert.equal(slept(beatOf(10_000), 499), false);
    assert.equal(slept(beatOf(3_000), 251), true);
  });

  it("is not one whose wall clock was set back", () => {
    assert.equal(slept(beatOf(3_000), -60_000), false);
  });
});
