import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "An older keepalive is answered after a newer one, and takes back the deadline by which guarantees were stated.",
  file: "core/session/session.ts",
  text: "        if (beat.sentAt <= this.#beat.sentAt) continue;\n",
  other: "",
  caughtBy: { seed: "1", faults: ["etcdStalls", "storm"] },
};
