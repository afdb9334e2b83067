import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A lock stays with its pod though a guarded write is under way: that takes effect after the release, or under the next grant.",
  file: "core/lock/cohort.ts",
  text: "    if (last.isGuarding) await unguarded(this.#parts, place, last);\n",
  other: "",
  caughtBy: { seed: "17" },
};
