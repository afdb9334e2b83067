import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "Places are ordered by their keys, not by the revision at which they were taken.",
  file: "core/lock/order.ts",
  text: "  return [...contenders].sort((a, b) =>\n    a.createRevision === b.createRevision\n",
  other: "  return [...contenders].sort((a, b) =>\n    a.createRevision !== b.createRevision\n",
  caughtBy: { seed: "1", faults: ["raiseBase"] },
};
