import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "A write without an answer is sent again: what was done is done twice.",
  file: "etcd/group-commit.ts",
  text: "            for (const member of next.members) member.settle(outcome);\n",
  other: "            toSend.push(next);\n",
  caughtBy: { seed: "1", faults: ["lateCommits", "lostAnswers"] },
};
