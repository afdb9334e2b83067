import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A lock is handed over while a guarded write is under way: it takes effect under the next grant.",
  file: "core/lock/cohort.ts",
  text: "      if (grant.isGuarding && !this.#mayNotPass(place)) await unguarded(this.#parts, place, grant);\n",
  other: "",
  caughtBy: { seed: "6" },
};
