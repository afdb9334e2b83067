import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "Readers join those of their pod as often as they like while a writer waits.",
  file: "core/lock/cohort.ts",
  text: "return place === undefined || rules === undefined || !place.isOverBudget(rules.handover);",
  other: "return place === undefined || rules !== undefined;",
  caughtBy: { seed: "19", mode: "ReadWrite" },
};
