import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "Who finds no other contender takes himself to hold the lock, whatever a lost one left behind.",
  file: "core/lock/enter.ts",
  text: '  return marks?.kind !== "listed" || marks.result.keys.length === 0;\n',
  other: "  return marks?.kind !== undefined || marks === undefined;\n",
  caughtBy: { seed: "8" },
};
