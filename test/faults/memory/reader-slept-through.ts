import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A reader that comes just after the others were looked at is not seen before another comes or goes.",
  file: "core/lock/together.ts",
  text: "if (this.#passed.length === 0 && !this.#somebodyCame)",
  other: "if (this.#passed.length === 0)",
  caughtBy: { tests: "test/simulation/readers.test.ts" },
};
