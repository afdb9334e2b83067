import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A read that does not find the place proves nothing while the write may still be on its way.",
  file: "core/session/session.ts",
  text: "      await this.#epoch.beyond(sentUnder);\n",
  other: "",
  caughtBy: { seed: "1", faults: ["lateCommits"] },
};
