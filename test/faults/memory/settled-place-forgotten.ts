import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "Everybody left while it was settled whether a place was taken: it was, and nobody leaves it.",
  file: "core/lock/cohort.ts",
  text: "    return this.#entry.instead(session, entered, (phase) => {\n",
  other: [
    "    const taking = this.#entry.instead.bind(this.#entry);",
    "    const orForgets: typeof taking = async (...asked) => {",
    "      const taken = await taking(...asked);",
    "      return this.callers.size > 0 ? taken : undefined;",
    "    };",
    "    return orForgets(session, entered, (phase) => {",
    "",
  ].join("\n"),
  caughtBy: { seed: "3", faults: ["lostAnswers"] },
};
