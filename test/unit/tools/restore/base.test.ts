import assert from "node:assert/strict";
import type { Epoch } from "#core/runtime.ts";
import { nextBase } from "#core/spec/base.ts";
import { revision } from "#core/store.ts";
import { clockFor } from "#tools/restore/base.ts";
import { NotRestored } from "#tools/restore/plan.ts";

const start = Date.parse("2026-05-01T12:00:00Z") as Epoch;
const later = (ms: number): Epoch => (start + ms) as Epoch;
const hourMs = 3_600_000;
const usualBump = 1_000_000_000;

/** Where fences begin after a restore, as sums of base and revision. */
function beginsAt(
  base: bigint,
  from: number,
  { bump, at }: { bump: number | undefined; at: Epoch },
): bigint {
  const now = revision(from + (bump ?? 0));
  const wallNow = clockFor({ installation: { base }, revision: now, bump, wallNow: at });
  return nextBase({ wallNow, old: base, highest: now, revision: now }) + now;
}

describe("the clock that a restored fence base is raised by", () => {
  const written = 5_000;
  const base = BigInt(start) * 10n - 100n;

  it("is the machine's where the revision goes back", () => {
    assert.equal(
      beginsAt(base, 100, { bump: undefined, at: later(hourMs) }),
      BigInt(later(hourMs)) * 10n,
    );
  });

  it("runs ahead by the bump, so that one snapshot restored twice begins above what it gave the first time", () => {
    const first = beginsAt(base, 100, { bump: usualBump, at: later(hourMs) });
    const second = beginsAt(base, 100, { bump: usualBump, at: later(2 * hourMs) });
    assert.ok(second > first + BigInt(written), `${second} after ${first}`);
  });

  it("is refused where it is behind the fences of the snapshot: it cannot tell what was given since", () => {
    const bumped = beginsAt(base, 100, { bump: usualBump, at: later(hourMs) });
    const again = (bump: number | undefined) =>
      beginsAt(bumped - 200n, 200, { bump, at: later(2 * hourMs) });
    assert.throws(
      () => again(undefined),
      (error) =>
        error instanceof NotRestored && error.message.startsWith("--bump-revision is missing"),
    );
    assert.ok(again(usualBump) > bumped + BigInt(written));
  });
});
