import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "Two that hold together have one fence, where the base rose by as much as their revisions are apart.",
  file: "core/lock/fence.ts",
  text: "  const low = isOwn ? base & BigInt(handoversMax) : BigInt(handovers);\n",
  other: "  const low = isOwn ? 0n : BigInt(handovers);\n",
  caughtBy: { tests: "test/unit/core/lock/fence.test.ts" },
};
