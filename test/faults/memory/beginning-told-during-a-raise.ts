import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "The owner of the spec tree is told that etcd began anew while it raises the base, and forgets it: its sidecar grants nothing for ever.",
  file: "sidecar/resources/owner.ts",
  text: [
    "    if (anew !== undefined && !(await this.#clearAnew(anew))) return false;",
    "    if (beginnings !== this.#beginnings) return false;",
    "",
  ].join("\n"),
  other: "    if (anew !== undefined && !(await this.#clearAnew(anew))) return false;\n",
  caughtBy: { seed: "403734" },
};
