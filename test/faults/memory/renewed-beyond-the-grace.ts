import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "A renewal outlives the grace of a forced release, so that the lock is never given.",
  file: "core/lock/grant.ts",
  text: "      this.#lastMoment = at;\n",
  other: "",
  caughtBy: { tests: "test/simulation/events.test.ts" },
};
