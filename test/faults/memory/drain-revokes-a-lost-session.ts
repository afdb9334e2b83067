import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "SIGTERM after a session was lost before its deadline: its grants are forgotten, its guarantees still run.",
  file: "core/session/sessions.ts",
  text: "    if (revoke && !bound) await",
  other: "    if (revoke) await",
  caughtBy: { seed: "129", faults: ["wallJump", "drain"] },
};
