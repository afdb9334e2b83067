import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A shared caller is let in although an exclusive one stands before it, waiting or holding.",
  file: "core/lock/order.ts",
  text: '        if (demand.mode === "exclusive") return holding.size > 0 ? holding : holding.add(demand);\n        holding.add(demand);\n',
  other: '        if (demand.mode === "shared" || holding.size === 0) holding.add(demand);\n',
  caughtBy: { seed: "1", mode: "ReadWrite", faults: ["raiseBase"] },
};
