import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A set waits on though a pool is gone in which it was let in already: its wait ends late, and without a word of it.",
  file: "core/lock/set-look.ts",
  text: "    const rules = rulesServed(mirror, lock.pool);\n",
  other:
    "    const rules = isIn ? rulesServed(mirror, sought[0]!.lock.pool) : rulesServed(mirror, lock.pool);\n",
  caughtBy: { tests: "test/simulation/sets.test.ts" },
};
