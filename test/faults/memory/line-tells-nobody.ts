import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "Who waits for permits is not told that some came free, and looks only after half a minute.",
  file: "core/lock/line.ts",
  text: "      if (waiter !== undefined && isSame(contender, waiter.mine)) waiter.look();\n",
  other: "",
  caughtBy: { tests: "test/simulation/permits.test.ts" },
};
