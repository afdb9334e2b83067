import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "One of several readers is told that he has released the lock, and what he guarded comes after that: its answer was lost, and no epoch was raised.",
  file: "core/lock/guards.ts",
  text: "    if (this.#mayCome) await this.#session.leaveEpoch(this.#unansweredUnder);\n    return this.areUnderWay ? ",
  other: "    return this.#underWay > 0 ? ",
  caughtBy: { seed: "148", mode: "ReadWrite", faults: ["lateCommits"] },
};
