import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "The caller closes the stream that its grant lives by, and the grant goes on.",
  file: "core/lock/grant.ts",
  text: "    if (this.#deliveries <= 0) this.over(why);\n",
  other: '    if (this.#deliveries <= 0 && why === "slow") this.over(why);\n',
  caughtBy: { tests: "test/simulation/events.test.ts" },
  inRun: { rule: "wrong", works: ["streams"], faults: [], lastsMs: 0 },
};
