import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "A grant whose answer could not be handed to the socket is held by nobody.",
  file: "core/lock/grant.ts",
  text: '    this.over("undelivered");\n    return true;\n',
  other: "    return true;\n",
  caughtBy: { seed: "2", faults: ["raiseBase"] },
};
