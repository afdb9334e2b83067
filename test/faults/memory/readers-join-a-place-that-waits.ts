import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "Readers join a place that waits, without end: all of them pass a writer that came before them, and whatever the budget says.",
  file: "core/lock/cohort.ts",
  text: "return this.callers.size <= rules.handover.maxCount;",
  other: "return true;",
  caughtBy: { tests: "test/simulation/readers.test.ts" },
};
