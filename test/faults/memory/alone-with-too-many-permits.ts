import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "Who stands alone is let in with more permits than there are, since fewer came while it was asked.",
  file: "core/lock/cohort.ts",
  text: "    checkDemand(this.lock, this.demand, this.#rules());\n",
  other: "",
  caughtBy: { tests: "test/simulation/permits.test.ts" },
};
