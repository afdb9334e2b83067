import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "A lock that nobody uses stays with its pod for all of its time, whoever asks for it.",
  file: "core/lock/cohort.ts",
  text: "    this.#wasNoted = true;\n    this.#idle.end();\n",
  other: "    this.#wasNoted = true;\n",
  caughtBy: { tests: "test/simulation/sticky.test.ts" },
};
