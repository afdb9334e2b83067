import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "Observers are told of a set that only waits as the holder of what is reserved for it, under a fence that nobody was granted.",
  file: "core/lock/observe.ts",
  text: "(one) => !one.idle && !isReserved(one)",
  other: "(one) => !one.idle",
  caughtBy: { tests: "test/simulation/sets.test.ts" },
};
