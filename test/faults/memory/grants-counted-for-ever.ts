import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "A grant that expired counts against the pod's limit for as long as its sidecar lives.",
  file: "core/lock/cohort.ts",
  text: "      countEnd(this.#pool.counters, why);\n",
  other: '      if (why !== "expired") countEnd(this.#pool.counters, why);\n',
  caughtBy: { seed: "3", mode: "Semaphore" },
};
