import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A writer tells only the readers just before it that it waits: those of other pods go on letting others in.",
  file: "core/lock/notes.ts",
  text: "new Set([...holding].map(({ session }) => session))",
  other: "new Set([before.session])",
  caughtBy: { seed: "57", mode: "ReadWrite" },
};
