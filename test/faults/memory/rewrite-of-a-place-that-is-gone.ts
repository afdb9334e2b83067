import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A place that was taken by force, with the note lost, is granted on again and again, though its own rewrite finds it gone.",
  file: "core/lock/place.ts",
  text: '    if (outcome.kind === "done" && !outcome.value.held) this.#gone?.();\n',
  other: '    if (outcome.kind === "done" && !outcome.value.held) this.#told = value;\n',
  caughtBy: { tests: "test/simulation/sticky.test.ts" },
};
