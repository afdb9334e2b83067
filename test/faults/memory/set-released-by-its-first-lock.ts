import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "The release of a set is confirmed though only the first of its places is known to be gone.",
  file: "core/lock/set.ts",
  text: 'const isCertain = !freed.includes("unknown");',
  other: 'const isCertain = freed[0] !== "unknown";',
  caughtBy: { seed: "1", sets: true },
};
