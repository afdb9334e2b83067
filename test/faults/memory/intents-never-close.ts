import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A session that ends while its last removal is under way waits for an abort that has happened: there is never another session.",
  file: "core/session/intents.ts",
  text: "      if (signal.aborted) wake();\n",
  other: "",
  caughtBy: { seed: "31", faults: ["lateCommits", "cut"] },
};
