import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "Whoever finds a permit left is let in, however many he wants.",
  file: "core/lock/order.ts",
  text: "        if (permits > sharing.permits) return holding;\n",
  other: "        if (permits - demand.permits >= sharing.permits) return holding;\n",
  caughtBy: { seed: "3", mode: "Semaphore", faults: ["raiseBase"] },
};
