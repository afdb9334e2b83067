import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "A waiter whose watch fell silent never looks by itself.",
  file: "core/lock/wait.ts",
  text: "const lookEveryMs = 30_000;",
  other: "const lookEveryMs = 30_000_000;",
  caughtBy: { seed: "12", faults: ["silentWatches"] },
};
