import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "Who joins readers after the pool's lockDelay was lowered lowers that of those who hold already.",
  file: "core/lock/marks.ts",
  text: "const delayMs = isCountedOn ? Math.max(hasMs, ruleMs) : ruleMs;",
  other: "const delayMs = isCountedOn ? ruleMs : ruleMs;",
  caughtBy: { seed: "236", mode: "ReadWrite" },
};
