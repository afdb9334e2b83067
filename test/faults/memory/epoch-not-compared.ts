import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "A place can be written after the session has settled that it was not.",
  file: "core/lock/enter.ts",
  text: "    given: [session.holds(), ...facts],\n",
  other: "    given: facts,\n",
  caughtBy: { seed: "1", faults: ["lateCommits"] },
};
