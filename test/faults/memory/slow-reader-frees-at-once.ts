import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A stream that nobody reads frees the lock at once, though its caller was guaranteed more.",
  file: "core/lock/grant.ts",
  text: '  "slow",\n',
  other: "",
  caughtBy: { tests: "test/simulation/events.test.ts" },
};
