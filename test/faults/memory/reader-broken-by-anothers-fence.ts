import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A forced release by the fence of a reader who is gone takes the place of those that joined him.",
  file: "core/lock/revoke.ts",
  text: "return fences.includes(fence) || (!breakGuarantee",
  other: "return fences.length > 0 || (!breakGuarantee",
  caughtBy: { tests: "test/simulation/readers.test.ts" },
};
