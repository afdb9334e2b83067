import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A reader that was lost long ago makes a writer wait once more when the last of them releases.",
  file: "core/lock/together.ts",
  text: "return this.#of.now() < after(this.#lostAt, mark.delayMs);",
  other: "return mark.delayMs > 0;",
  caughtBy: { tests: "test/simulation/readers.test.ts" },
};
