import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "A place can be written after the session has settled that it was not.",
  file: "core/lock/enter.ts",
  text: "    given: [session.holds(), ...facts, ...unmarked],\n",
  other: "    given: [...facts, ...unmarked],\n",
  caughtBy: { seed: "13", faults: ["lateCommits"] },
};
