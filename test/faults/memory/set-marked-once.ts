import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A set is granted though one of its pools came to have a delay while the marker of another was put: who is lost then delays nobody there.",
  file: "core/lock/set-marks.ts",
  text: "    if (failed !== undefined || marked.every((one) => one === undefined)) return failed;\n",
  other: "    return failed;\n",
  caughtBy: { tests: "test/simulation/sets.test.ts" },
};
