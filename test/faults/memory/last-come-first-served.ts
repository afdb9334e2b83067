import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "Within a pod who came last is granted first.",
  file: "core/lock/callers.ts",
  text: "    return this.#waiting.values();\n",
  other: "    return [...this.#waiting].reverse().values();\n",
  caughtBy: { seed: "6", faults: ["raiseBase"] },
};
