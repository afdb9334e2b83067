import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A waiter takes the next place under the same key for the one that it waits for, and overlooks that this one went.",
  file: "core/lock/wait.ts",
  text: "created) return;",
  other: "created && false) return;",
  caughtBy: { tests: "test/simulation/seats.test.ts" },
};
