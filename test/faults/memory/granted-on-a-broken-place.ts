import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "After its place was deleted by force, the next local caller is granted on it all the same.",
  file: "core/lock/revoke.ts",
  text: '    if (asked["why"] === brokenWhy) one.broken();\n',
  other: '    if (asked["why"] === brokenWhy) continue;\n',
  caughtBy: { tests: "test/simulation/events.test.ts" },
};
