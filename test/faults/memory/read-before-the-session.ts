import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A pod that was cut off while etcd was wiped grants with the old base, where the new one stands at the same revision.",
  file: "sidecar/kernel.ts",
  text: "        this.specs.forget();\n      },\n    });\n    this.specs",
  other: "      },\n    });\n    this.specs",
  caughtBy: { tests: "test/simulation/begun-anew.test.ts" },
};
