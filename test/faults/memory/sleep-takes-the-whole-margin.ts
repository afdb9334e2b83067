import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A machine that slept for just less than the margin, with a clock slower than etcd's, promises more than its lease.",
  file: "core/session/deadline.ts",
  text: "  return wallAheadNowMs - beat.wallAheadMs > marginMs(beat.ttlMs) / 2;\n",
  other: "  return wallAheadNowMs - beat.wallAheadMs > marginMs(beat.ttlMs);\n",
  caughtBy: { tests: "test/unit/core/session/deadline.test.ts" },
};
