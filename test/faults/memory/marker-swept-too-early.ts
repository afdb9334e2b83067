import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "What is left of a lost holder is taken as over after half of its delay.",
  file: "core/lock/marks.ts",
  text: "      if (until > now) ghosts.push({ ...orphan, until });\n",
  other: "      if (until - orphan.delayMs / 2 > now) ghosts.push({ ...orphan, until });\n",
  caughtBy: { seed: "68" },
};
