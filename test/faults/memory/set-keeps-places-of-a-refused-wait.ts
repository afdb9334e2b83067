import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "When the wait of a set ends, only the places that kept it waiting are left: the others stay, for nobody.",
  file: "core/lock/set.ts",
  text: "    const places = this.members.flatMap(({ place }) => place ?? []);\n    const freed",
  other:
    "    const places = this.members.flatMap(({ place, isIn }) => (isIn && grant === undefined ? [] : (place ?? [])));\n    const freed",
  caughtBy: { seed: "7", sets: true },
  inRun: { rule: "free", works: ["all or none"], faults: [], lastsMs: 0 },
};
