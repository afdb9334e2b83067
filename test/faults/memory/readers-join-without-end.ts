import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "Readers join those of their pod as often as they like while a writer waits.",
  file: "core/lock/cohort.ts",
  text: "return !place.isOverBudget(rules.handover, joining);",
  other: "return joining >= 0;",
  caughtBy: { seed: "19", mode: "ReadWrite" },
};
