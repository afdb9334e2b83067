import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "A client whose answer was lost asks again, and waits behind itself.",
  file: "core/lock/grants.ts",
  text: "    const request = requestOf(lock, requestId);\n    return (\n",
  other: '    const request = lock.name === "" ? requestId : "";\n    return (\n',
  caughtBy: { seed: "3", faults: ["raiseBase"] },
};
