import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "An owner is stuck behind any that waits, also behind one that is only waiting its turn: what is no circle is broken up.",
  file: "core/lock/circles.ts",
  text: "          places.every((place) => this.#blockers(place, stuck).length === 0),",
  other: "          places.every((place) => this.#blockers(place, owners).length === 0),",
  caughtBy: { tests: "test/unit/core/lock/circles.test.ts" },
};
