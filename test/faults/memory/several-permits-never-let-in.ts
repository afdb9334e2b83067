import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "Who waits for several permits of a semaphore is never let in.",
  file: "core/lock/queueing.ts",
  text: "    if (holds && installation !== undefined && mirror.anew === undefined) {\n",
  other:
    "    if (holds && this.#of.demand.permits === 1 && installation !== undefined && mirror.anew === undefined) {\n",
  caughtBy: { seed: "1", mode: "Semaphore" },
};
