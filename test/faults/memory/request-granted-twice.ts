import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "A client whose answer was lost asks again, and waits behind itself.",
  file: "core/lock/grants.ts",
  text: "    return before?.id;\n",
  other: "    return undefined;\n",
  caughtBy: { seed: "3", faults: ["raiseBase"] },
};
