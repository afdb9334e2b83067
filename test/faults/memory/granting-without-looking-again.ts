import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A waiter takes any reason to look for its turn: it is granted while another still holds.",
  file: "core/lock/queueing.ts",
  text: "      await this.#of.steps.do((signal) => untilWorthALook(this.#parts, { worth, judged }, signal));\n",
  other:
    "      await this.#of.steps.do((signal) => untilWorthALook(this.#parts, { worth, judged }, signal));\n      place.base ??= mirror.installation?.base;\n      if (this.#of.callers.size > 0 && place.base !== undefined) return true;\n",
  caughtBy: { seed: "1", faults: ["editPool", "silentWatches"] },
};
