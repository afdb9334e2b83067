import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "A busy pod passes a lock from caller to caller for ever, while other pods wait.",
  file: "core/lock/place.ts",
  text: "    return this.handoversSinceOthers + more >= maxCount || heldMs >= maxHoldMs;\n",
  other:
    "    return this.handoversSinceOthers >= maxCount + 65_536 || heldMs >= maxHoldMs + 3_600_000;\n",
  caughtBy: { seed: "2", faults: [] },
};
