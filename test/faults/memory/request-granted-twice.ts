import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "A client whose answer was lost asks again, and waits behind itself.",
  file: "core/lock/grants.ts",
  text: "    return this.#byRequest.get(requestOf(lock, requestId));\n",
  other: '    return lock.name === "" ? requestId : undefined;\n',
  caughtBy: { seed: "3", faults: ["raiseBase"] },
};
