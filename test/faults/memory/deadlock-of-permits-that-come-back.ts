import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "Any who hold permits before a stuck owner make a circle with it, though one who can go on gives them back.",
  file: "core/lock/circles.ts",
  text: "    const circle = yield* graph.stuckAmong(component);",
  other: "    const circle = yield* graph.stuckAmong(graph.owners);",
  caughtBy: { tests: "test/unit/core/lock/circles.test.ts" },
};
