import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "Revisions went back, and nobody ends sessions or raises the base.",
  file: "sidecar/kernel.ts",
  text: "      this.#begunAnew(show(anew));\n",
  other: '      parts.runtime.log.warn("etcd began anew", show(anew));\n',
  caughtBy: { seed: "11", faults: ["restore"] },
};
