import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "A place of a session that is over is granted on.",
  file: "core/lock/cohort.ts",
  text: "    if (this.#place?.session !== session) return;\n    this.#place = undefined;\n",
  other: "    if (this.#place?.session !== session) return;\n",
  caughtBy: { seed: "1" },
};
