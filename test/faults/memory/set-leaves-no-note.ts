import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A set leaves no note in its own sidecar: callers there, who share a place before it, pass the lock on and on.",
  file: "core/lock/set.ts",
  text: "if (place !== undefined) await tellHolders(",
  other: "if (place !== undefined && before?.session !== place.session.id) await tellHolders(",
  caughtBy: { tests: "test/simulation/sets.test.ts" },
};
