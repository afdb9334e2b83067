import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A session that was lost early revokes its lease at once, while guarantees that it stated still run.",
  file: "core/session/sessions.ts",
  text: "    await sleep(runtime, Math.max(0, deadline - runtime.now()), signal);\n",
  other: "",
  caughtBy: { seed: "1", faults: ["wallJump"] },
};
