import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "A guarded write does not compare its grant's place: it takes effect after that went.",
  file: "core/lock/guarded.ts",
  text: "const given = [session.holds(), ...stands];",
  other: "const given = [session.holds(), ...stands.slice(keys.length)];",
  caughtBy: { seed: "1" },
};
