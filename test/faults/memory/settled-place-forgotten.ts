import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "Everybody left while it was settled whether a place was taken: it was, and nobody leaves it.",
  file: "core/lock/cohort.ts",
  text: "        if (place !== undefined) return { place, alone: false };\n",
  other:
    "        if (place !== undefined && this.callers.size > 0) return { place, alone: false };\n",
  caughtBy: { seed: "1", faults: ["lostAnswers"] },
};
