import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "What etcd carried out while it got full is taken as refused, since it says so: a place is left in the queue that nobody knows of, and nobody is granted the lock.",
  file: "etcd/no-space.ts",
  text: "    if (found.some(({ modRevision }) => modRevision > before)) return false;\n",
  other: "",
  caughtBy: { tests: "test/unit/etcd/no-space.test.ts" },
};
