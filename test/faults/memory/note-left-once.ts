import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A note that is lost is not left again: a busy pod passes the lock on for ever while another pod waits.",
  file: "core/lock/queueing.ts",
  text: "      if (before !== undefined && holders(",
  other: "      if (before !== undefined && place.notes.length === 0 && holders(",
  caughtBy: { tests: "test/simulation/fairness.test.ts" },
};
