import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A guarded write whose answer was lost is taken as over: it comes after the lock was handed over.",
  file: "core/lock/guarded.ts",
  text: 'guards.end(outcome.kind === "unknown" ? sentUnder : undefined);',
  other: "guards.end();",
  caughtBy: { seed: "211", faults: ["lateCommits"] },
};
