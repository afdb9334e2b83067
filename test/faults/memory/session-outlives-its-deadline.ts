import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A sidecar that is cut off confirms its grants after others were granted: the loss is never told.",
  file: "core/session/deadline.ts",
  text: "  return after(beat.sentAt, beat.ttlMs - marginMs(beat.ttlMs));\n",
  other: "  return after(beat.sentAt, beat.ttlMs + 20 * marginMs(beat.ttlMs));\n",
  caughtBy: { seed: "1", faults: ["cut"] },
};
