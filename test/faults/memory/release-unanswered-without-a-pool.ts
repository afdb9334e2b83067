import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "The pool is deleted while callers wait: the release of the grant before them is never answered.",
  file: "core/lock/cohort.ts",
  text: "    const rules = this.#rulesOrEnd();\n    if (rules === undefined) return undefined;\n",
  other: "    const rules = this.#rules();\n",
  caughtBy: { seed: "1", faults: ["deletePool"] },
};
