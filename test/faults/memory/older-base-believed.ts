import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "An older snapshot is restored where its revision is not below the last one seen: its base makes fences that were given.",
  file: "sidecar/resources/mirror.ts",
  text: "    if (base >= this.#highestBase) this.#highestBase = base;\n",
  other: "    if (base >= 0n) this.#highestBase = base;\n",
  caughtBy: { tests: "test/simulation/begun-anew.test.ts" },
};
