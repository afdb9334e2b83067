import assert from "node:assert/strict";
import { report } from "./report.ts";
import { simulate } from "./simulate.ts";
import { faultNames } from "./faults/names.ts";

/** More than the 2,000 that are promised; each test takes its part, so that a slow one shows where it is. */
const schedules = 2_400;
const inOneTest = 200;

describe("simulated clusters", () => {
  for (let from = 1; from <= schedules; from += inOneTest) {
    const to = from + inOneTest - 1;
    it(`keep what locks promise, in schedules ${String(from)} to ${String(to)}`, async function () {
      this.timeout(300_000);
      this.slow(60_000);
      for (let seed = from; seed <= to; seed++) {
        const run = await simulate(String(seed));
        if (run.violations.length > 0) assert.fail(report(run));
      }
    });
  }
});

describe("a simulation", () => {
  it("is the same for the same seed", async () => {
    const [one, other] = [await simulate("17"), await simulate("17")];
    assert.equal(one.stage.world.journal.print(), other.stage.world.journal.print());
    assert.deepEqual(one.stage.history.attempts, other.stage.history.attempts);
    assert.equal(one.stage.world.steps, other.stage.world.steps);
  });

  for (const fault of faultNames)
    it(`goes on when ${fault} happens again and again`, async () => {
      const run = await simulate(`often/${fault}`, { faults: [fault], activityMs: 8_000 });
      if (run.violations.length > 0) assert.fail(report(run));
      assert.ok(run.stage.history.grants.length > 0, "nothing was granted at all");
    });
});
