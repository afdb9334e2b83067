import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A set leaves no note in its own sidecar: callers there, who share a place before it, pass the lock on and on.",
  file: "core/lock/set.ts",
  text: "return place === undefined\n",
  other: "return place === undefined || before?.session === place.session.id\n",
  caughtBy: { tests: "test/simulation/sets.test.ts" },
};
