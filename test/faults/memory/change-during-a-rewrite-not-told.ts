import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "What changes while a contender is being rewritten is told to nobody.",
  file: "core/lock/place.ts",
  text: "        if (this.#hasChanged) this.#again();\n",
  other: "",
  caughtBy: { tests: "test/simulation/readers.test.ts" },
};
