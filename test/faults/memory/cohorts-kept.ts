import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "Who had a place of his own is kept in memory when he has gone, one by one for ever.",
  file: "core/lock/pool.ts",
  text: "    beside?.remove(cohort);\n",
  other: "",
  caughtBy: { seed: "1", mode: "Semaphore" },
};
