import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A renewal with a shorter ttl ends the grant before the guarantee that was stated by the longer one.",
  file: "core/lock/grant.ts",
  text: "    const mustLast = lasting.has(why) && this.#runtime.now() < this.#statedUntil;\n",
  other:
    '    const mustLast = why === "expired" && this.#runtime.now() < this.#statedUntil - this.#ttlMs;\n',
  caughtBy: { seed: "27", faults: ["editPool"] },
};
