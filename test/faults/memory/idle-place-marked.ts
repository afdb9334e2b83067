import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A lock that was given back and is idle is taken as lost when its pod dies: others wait the delay.",
  file: "core/lock/cohort.ts",
  text: '    if ((await place.unmark()) === "unknown") return false;\n',
  other: "",
  caughtBy: { tests: "test/simulation/sticky.test.ts" },
};
