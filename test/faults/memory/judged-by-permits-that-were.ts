import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "Who waits for permits is let in by as many as there were when its wait began.",
  file: "core/lock/queueing.ts",
  text: "      const stands = standingBehind(contenders, ghosts, { mine: place, sharing });\n",
  other: [
    "      const began = ((place as { began?: { permits: number } }).began ??= sharing);",
    "      const permits = Math.max(began.permits, sharing.permits);",
    "      const most = { mine: place, sharing: { ...sharing, permits } };",
    "      const stands = standingBehind(contenders, ghosts, most);",
    "",
  ].join("\n"),
  caughtBy: { seed: "52", mode: "Semaphore" },
};
