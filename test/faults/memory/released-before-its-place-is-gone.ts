import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A release is answered before its place is gone: who asks next is told that the lock is held.",
  file: "core/lock/locks.ts",
  text: '      live.over("released");\n      return live.freed;\n',
  other: '      live.over("released");\n      return "released";\n',
  caughtBy: "inRun",
  inRun: { rule: "free", works: ["relay"], faults: ["slow"], lastsMs: 5_000 },
};
