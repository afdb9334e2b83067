import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "An owner is stuck behind any that waits, also behind one that is only waiting its turn: what is no circle is broken up.",
  file: "core/lock/circles.ts",
  text: "      for (const { queue } of standsOf(owner)) fronts.get(queue)?.moveOn(owners, letIn);\n",
  other: "",
  caughtBy: { tests: "test/unit/core/lock/circles.test.ts" },
};
