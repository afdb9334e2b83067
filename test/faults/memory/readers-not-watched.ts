import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "Who waits behind readers is not told when they go, and looks only after half a minute.",
  file: "core/lock/wait.ts",
  text: "  if (line !== undefined && (before",
  other:
    '  if (stand.before?.mode === "shared") return { gone: place };\n  if (line !== undefined && (before',
  caughtBy: { seed: "8", mode: "ReadWrite" },
};
