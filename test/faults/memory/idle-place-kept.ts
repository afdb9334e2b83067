import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "A lock that nobody uses stays with its pod for all of its time, whoever asks for it.",
  file: "core/lock/cohort.ts",
  text: "    this.#place?.noticeOthers();\n    this.#idle.end();\n",
  other: "    this.#place?.noticeOthers();\n",
  caughtBy: { tests: "test/simulation/sticky.test.ts" },
};
