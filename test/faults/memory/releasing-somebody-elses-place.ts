import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "A waiter tidies away the place before its own, which belongs to another session.",
  file: "core/lock/queueing.ts",
  text: "      await tellHolders(",
  other:
    "      if (before?.trying === true) place.session.remove(before.key);\n      await tellHolders(",
  caughtBy: { seed: "1", faults: ["storm"] },
};
