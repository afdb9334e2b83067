import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "Each sidecar ends the youngest wait of its own: of a circle between two pods both are ended.",
  file: "core/lock/deadlocks.ts",
  text: "const victim = youngest(circle, ({ lock }) => rules.get(lock.pool)?.breaksDeadlocks === true);",
  other:
    "const victim = youngest(circle, (wait) => rules.get(wait.lock.pool)?.breaksDeadlocks === true && ownOf(wait, waiting) !== undefined);",
  caughtBy: { seed: "247", owners: true, faults: ["raiseBase"] },
};
