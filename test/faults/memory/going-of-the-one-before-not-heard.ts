import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "Who waits behind one that goes without a word is not told, and nobody tells the holder of him.",
  file: "core/lock/line.ts",
  text: "if (before !== undefined && isGone(before, copy)) look();",
  other: "if (before !== undefined && isGone(before, copy)) continue;",
  caughtBy: { tests: "test/simulation/unheard.test.ts" },
};
