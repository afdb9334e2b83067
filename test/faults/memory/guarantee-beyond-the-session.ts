import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "What is guaranteed is more than the session can keep.",
  file: "core/lock/grant.ts",
  text: "      Math.floor(Math.min(this.#expiresAt, session.deadline) - now),\n",
  other: "      Math.floor(Math.min(this.#expiresAt, session.deadline + 60_000) - now),\n",
  caughtBy: { seed: "1", faults: ["cut"] },
  inRun: { rule: "exclusion", works: ["leader"], faults: ["cut"], lastsMs: 5_000 },
};
