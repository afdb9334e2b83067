import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "Who waits for more permits than are left after an edit holds up everybody behind.",
  file: "core/lock/limits.ts",
  text: "  if (demand.permits > rules.sharing.permits) {\n",
  other: "  if (demand.permits > rules.sharing.permits * 1e9) {\n",
  caughtBy: { tests: "test/simulation/permits.test.ts" },
};
