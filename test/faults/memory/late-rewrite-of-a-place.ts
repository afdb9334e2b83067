import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "What a place tells is rewritten after it was deleted: it stands again, and nobody owns it.",
  file: "core/lock/place.ts",
  text: '      when: [{ kind: "created", key, revision: created }],\n',
  other: "      when: [],\n",
  caughtBy: { seed: "2", faults: ["lateCommits"] },
};
