import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "A wait that is over is not answered while the epoch for which its write was refused is not confirmed.",
  file: "core/lock/setbacks.ts",
  text: "          refused(epochUnknown());\n",
  other: "",
  caughtBy: { seed: "709", mode: "Semaphore", faults: ["lostAnswers"] },
};
