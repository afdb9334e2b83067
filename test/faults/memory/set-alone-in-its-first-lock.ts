import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "A set that is alone in its first lock is taken to be alone in all.",
  file: "core/lock/set-entry.ts",
  text: "const alone = places.every((place, index) => {",
  other: "const alone = places.slice(0, 1).every((place, index) => {",
  caughtBy: { seed: "3", sets: true },
};
