import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A set that only tried is told that a lock is held though etcd has not confirmed that its places are gone (a run under faults saw it).",
  file: "core/lock/set.ts",
  text: 'this.#enterPhase(isCertain ? was.then : { kind: "settling" });',
  other: "this.#enterPhase(was.then);",
  caughtBy: { tests: "test/simulation/permits.test.ts" },
};
