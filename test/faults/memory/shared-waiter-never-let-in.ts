import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "Who waits to share a lock is never let in; only who comes first, or alone, is.",
  file: "core/lock/queueing.ts",
  text: "    if (holds && installation !== undefined && mirror.anew === undefined) {\n",
  other:
    '    if (holds && this.#of.demand.mode !== "shared" && installation !== undefined && mirror.anew === undefined) {\n',
  caughtBy: { seed: "1", mode: "ReadWrite" },
};
