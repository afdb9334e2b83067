import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A removal without an answer is not tried again: its place stands as long as the session.",
  file: "core/session/session.ts",
  text: "    if (!this.#ended.signal.aborted) this.intents.add(key);\n",
  other: "    this.#known.delete(key);\n",
  caughtBy: { seed: "44", faults: ["lateCommits"] },
};
