import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "Two that hold together have one fence, where the base rose by as much as their revisions are apart.",
  file: "core/lock/fence.ts",
  text: "((base & BigInt(joinedMax)) << 8n) + BigInt(handovers)",
  other: "BigInt(handovers)",
  caughtBy: { tests: "test/unit/core/lock/fence.test.ts" },
};
