import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "Who only tried is told while his place still stands, and it keeps out whoever asks next.",
  file: "core/lock/queueing.ts",
  text: '    this.#of.enterPhase(this.#of.callers.onlyTry ? { kind: "refusing", then: queued } : queued);\n',
  other: "    this.#of.enterPhase(queued);\n",
  caughtBy: { tests: "test/simulation/permits.test.ts" },
};
