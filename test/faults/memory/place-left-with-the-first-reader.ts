import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "The place of readers goes with the first of them that releases, and a writer is let in beside the others.",
  file: "core/lock/together.ts",
  text: "      if (this.#standing.size === 0) {\n",
  other: "      if (this.#standing.size === 0 || passed.length > 0) {\n",
  caughtBy: { seed: "7", mode: "ReadWrite" },
};
