import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "A set is granted as soon as one of its locks is.",
  file: "core/lock/set.ts",
  text: "if (waits.length === 0 && this.#mayBeGranted()) return true;",
  other: "if (waits.length < seen.length && this.#mayBeGranted()) return true;",
  caughtBy: { seed: "1", sets: true },
  inRun: { rule: "exclusion", works: ["sets", "raw"], faults: [], lastsMs: 0 },
};
