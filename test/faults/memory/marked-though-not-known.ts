import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "A reader joins on the word of a marker whose writing was never confirmed.",
  file: "core/lock/marks.ts",
  text: "const hasIt = hasMs === delayMs && place.mark?.stands !== false;",
  other: "const hasIt = hasMs === delayMs;",
  caughtBy: { seed: "930227", mode: "ReadWrite", owners: true },
};
