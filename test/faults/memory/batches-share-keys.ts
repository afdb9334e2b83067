import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "Two contenders of one lock ride in one batch: both find themselves alone, with one revision.",
  file: "etcd/group-commit/ownership.ts",
  text: '    for (const claim of member.claims) if (this.#claims.overlaps(claim)) return "busy";\n',
  other: "",
  caughtBy: { tests: "test/unit/etcd/group-commit-order.test.ts" },
};
