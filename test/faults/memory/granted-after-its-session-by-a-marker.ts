import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "While the marker was put the session ended, and the lock is granted all the same.",
  file: "core/lock/cohort.ts",
  text: '      if (marked?.kind === "gone" || this.#place !== place || !place.session.isAlive()) break;\n',
  other: '      if (marked?.kind === "gone" || this.#place !== place) break;\n',
  caughtBy: { seed: "689" },
};
