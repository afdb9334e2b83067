import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "An acquire is not given the fence base that it was judged by: fences go back when it was raised meanwhile.",
  file: "sidecar/resources/mirror.ts",
  text: '      { kind: "modified", key: installationKey, revision: installation.modRevision },\n',
  other: "",
  caughtBy: { seed: "5", faults: ["raiseBase"] },
};
