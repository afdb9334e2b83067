import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A sidecar that is cut off confirms its grants after others were granted: the loss is never told.",
  file: "core/session/session.ts",
  text: '    if (now >= this.deadline) this.end("etcd did not answer until the session\'s deadline");\n    else if (slept',
  other: "    if (now >= this.deadline) return true;\n    else if (slept",
  caughtBy: { seed: "1" },
};
