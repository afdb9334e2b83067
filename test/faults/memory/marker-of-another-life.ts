import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "The key of a place whose marker stays is made again: the next marker is put over it, and the delay is forgotten.",
  file: "core/lock/place.ts",
  text: "    this.mark = undefined;\n    this.session.seats.spoil();\n",
  other: "    this.mark = undefined;\n",
  caughtBy: { seed: "8", mode: "Semaphore" },
};
