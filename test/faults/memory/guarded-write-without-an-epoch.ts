import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A guarded write is not given the session's epoch: one without an answer comes after a reader was told that it can come no more.",
  file: "core/lock/guarded.ts",
  text: "    const given = [session.holds(), ...stands];\n",
  other: "    const given = [...stands];\n",
  caughtBy: { seed: "148", mode: "ReadWrite", faults: ["lateCommits"] },
};
