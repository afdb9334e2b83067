import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A set of which a place was taken by force while its markers were put is granted all the same, for as long as it is renewed.",
  file: "core/lock/set.ts",
  text: "    if (this.members.some(({ isBroken }) => isBroken)) {\n",
  other: "    if (this.members.some(({ isBroken }) => isBroken && false)) {\n",
  caughtBy: { tests: "test/simulation/sets.test.ts" },
};
