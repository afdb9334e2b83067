import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "Who only tried is told that the lock is held though etcd has not confirmed that his place is gone: it keeps out who tries next.",
  file: "core/lock/cohort.ts",
  text: 'this.#enterPhase(freed === "released" ? was.then : { kind: "settling" });',
  other: "this.#enterPhase(was.then);",
  caughtBy: { tests: "test/simulation/permits.test.ts" },
};
