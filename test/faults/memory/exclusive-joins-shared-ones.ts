import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "An exclusive caller is let in beside shared ones that stand before it.",
  file: "core/lock/order.ts",
  text: "return holding.size > 0 ? holding : holding.add(demand);",
  other: "return holding.add(demand);",
  caughtBy: { seed: "1", mode: "ReadWrite", faults: ["raiseBase"] },
};
