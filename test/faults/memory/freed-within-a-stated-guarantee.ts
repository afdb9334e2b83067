import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A renewal with a shorter ttl ends the grant before the guarantee that was stated by the longer one.",
  file: "core/lock/grant.ts",
  text: '      (why === "expired" || why === "maxHold") && this.#runtime.now() < this.#statedUntil;\n',
  other: '      why === "expired" && this.#runtime.now() < this.#statedUntil - this.#ttlMs;\n',
  caughtBy: { seed: "27", faults: ["editPool"] },
};
