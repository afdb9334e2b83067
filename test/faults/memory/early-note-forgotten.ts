import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "A note that comes before the answer to the entry that it is about is not heeded.",
  file: "core/lock/cohort.ts",
  text: "    if (this.#wasNoted) place.noticeOthers();\n",
  other: "",
  caughtBy: { tests: "test/simulation/readers.test.ts" },
};
