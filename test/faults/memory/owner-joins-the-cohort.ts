import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A request with an owner joins the others of its pod: their contender does not carry its name, and no circle is ever seen.",
  file: "core/lock/pool.ts",
  text: "const isOwner = owner !== undefined;",
  other: 'const isOwner = owner === "";',
  caughtBy: { tests: "test/simulation/scenarios.test.ts" },
};
