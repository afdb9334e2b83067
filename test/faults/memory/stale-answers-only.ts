import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "Of the two signs that etcd began anew only the cluster's id is heeded: a wiped member keeps it.",
  file: "core/session/lineage.ts",
  text: "    else if (linearizable && floor?.cluster === at.cluster && at.revision < floor.revision)\n",
  other:
    "    else if (!linearizable && floor?.cluster === at.cluster && at.revision < floor.revision)\n",
  caughtBy: { seed: "11", faults: ["restore"] },
};
