import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "Permits that were asked for in one write stand in a watch's copy as they were put, not as their keys do: the wrong one of them is woken.",
  file: "core/lock/following.ts",
  text: "    if (createRevision === this.#newest) this.#contenders = byKey(inOrder([...all.values()]));\n",
  other: "",
  caughtBy: { tests: "test/simulation/following.test.ts" },
};
