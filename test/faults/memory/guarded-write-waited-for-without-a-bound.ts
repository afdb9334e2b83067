import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A place is granted on after `handover.maxHold` whatever is under way that its last grant guarded.",
  file: "core/lock/guarded.ts",
  text: "  if (isOver === false) place.isUnsure = true;\n",
  other: "  if (isOver === undefined) place.isUnsure = true;\n",
  caughtBy: { seed: "17" },
};
