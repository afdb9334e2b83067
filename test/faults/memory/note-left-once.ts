import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A note that is lost is not left again: a busy pod passes the lock on for ever while another pod waits.",
  file: "core/lock/notes.ts",
  text: "  if (!holding.has(before)) return;\n",
  other: "  if (!holding.has(before) || place.notes.length > 0) return;\n",
  caughtBy: { tests: "test/simulation/fairness.test.ts" },
};
