import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "A set leaves no note with who blocks it: a busy cohort of its own sidecar passes the lock on and on.",
  file: "core/lock/set.ts",
  text: "      if (place === undefined || before === undefined) return;\n",
  other: "      if (place === undefined || before === undefined || before.session !== place.session || true) return;\n",
  caughtBy: { tests: "test/simulation/sets.test.ts" },
};
