import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "An older snapshot is restored while all sidecars are down: a new one grants with its base, before it has raised it.",
  file: "sidecar/resources/mirror.ts",
  text: "    this.#distrusted = true;\n",
  other: "",
  caughtBy: { tests: "test/simulation/begun-anew.test.ts" },
};
