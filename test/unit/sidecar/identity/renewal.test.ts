import assert from "node:assert/strict";
import fc from "fast-check";
import { isOver, renewAtMs, retryInMs, type Failed } from "#sidecar/identity/renewal.ts";

const hourMs = 3_600_000;
const day = { sinceMs: 1_000, notAfterMs: 1_000 + 24 * hourMs };
const failed = (more: Partial<Failed> = {}): Failed => ({
  ...{ nowMs: day.sinceMs + 8 * hourMs, failures: 0, chance: 0.5, isRefused: false, ...more },
});

describe("when an identity is asked for again", () => {
  it("is a third of its life, and a third of a day where it has no end", () => {
    assert.equal(renewAtMs(day), 1_000 + 8 * hourMs);
    assert.equal(renewAtMs({ sinceMs: 5, notAfterMs: undefined }), 5 + 8 * hourMs);
  });

  it("is never after its end, whatever the clock said when it was given", () => {
    assert.equal(renewAtMs({ sinceMs: 50 * hourMs, notAfterMs: hourMs }), hourMs);
  });

  it("is over at its end, and never without one", () => {
    assert.equal(isOver(day, day.notAfterMs - 1), false);
    assert.equal(isOver(day, day.notAfterMs), true);
    assert.equal(isOver({ sinceMs: 0, notAfterMs: undefined }, Infinity), false);
  });

  it("grows with each failure up to five minutes, and is different for each sidecar", () => {
    const waits = [0, 1, 2, 3, 30].map((failures) => retryInMs(day, failed({ failures })));
    assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 300_000]);
    assert.equal(retryInMs(day, failed({ failures: 30, chance: 0 })), 150_000);
    assert.equal(retryInMs(day, failed({ failures: 30, chance: 1 })), 450_000);
  });

  it("comes sooner where little is left, and is not forgotten where nothing is", () => {
    const left = (ms: number) =>
      retryInMs(day, failed({ failures: 30, nowMs: day.notAfterMs - ms }));
    assert.equal(left(600_000), 60_000);
    assert.equal(left(1_000), 1_000);
    // All who are over come at once when the operator is back.
    assert.equal(left(0), 30_000);
    assert.equal(left(-hourMs), 30_000);
  });

  it("comes soon where etcd refuses what has no end", () => {
    const endless = { sinceMs: 0, notAfterMs: undefined };
    assert.equal(retryInMs(endless, failed({ failures: 30 })), 300_000);
    assert.equal(retryInMs(endless, failed({ failures: 30, isRefused: true })), 30_000);
  });

  it("is never before the operator wants it, as far as that is within reason", () => {
    const given = fc.record({
      failures: fc.nat(40),
      chance: fc.double({ min: 0, max: 1, noNaN: true }),
      nowMs: fc.integer({ min: day.sinceMs, max: day.notAfterMs + hourMs }),
      retryAfterMs: fc.nat(400_000),
      isRefused: fc.boolean(),
    });
    fc.assert(
      fc.property(given, (facts) => {
        const waitMs = retryInMs(day, facts);
        assert.ok(waitMs >= Math.min(facts.retryAfterMs, 300_000));
        assert.ok(waitMs >= 500);
        assert.ok(waitMs <= 450_000);
      }),
    );
  });
});
