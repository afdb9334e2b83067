import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A machine that slept goes on where it stopped: its monotonic clock stood still, its lease did not.",
  file: "core/session/session.ts",
  text: "    else if (slept(this.#beat, wallAheadMs(this.#parts.runtime))) {\n",
  other: "    else if (slept(this.#beat, this.#beat.wallAheadMs)) {\n",
  caughtBy: { seed: "2", faults: ["suspend"] },
};
