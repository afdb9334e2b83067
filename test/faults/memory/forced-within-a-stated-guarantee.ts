import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A forced release frees the lock at the end of the grace, though the holder was guaranteed more.",
  file: "core/lock/grant.ts",
  text: '  "revoked",\n',
  other: "",
  caughtBy: { tests: "test/simulation/events.test.ts" },
};
