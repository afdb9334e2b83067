import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "The key of a place whose removal is not confirmed is made again: the removal, repeated, takes the new place away.",
  file: "core/lock/leave.ts",
  text: '  session.seats.spoil();\n  return "unknown";\n',
  other: '  return "unknown";\n',
  caughtBy: { seed: "6" },
};
