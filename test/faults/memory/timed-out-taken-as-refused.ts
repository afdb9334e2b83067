import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "Etcd says 'request timed out' of writes that it commits later.",
  file: "etcd/group-commit.ts",
  text: "            for (const member of next.members) member.settle(outcome);\n",
  other:
    '            for (const member of next.members)\n              member.settle(\n                outcome.reason.code === "unavailable"\n                  ? refused({ code: "notSent", message: outcome.reason.message })\n                  : outcome,\n              );\n',
  caughtBy: { seed: "4", faults: ["lateCommits"] },
};
