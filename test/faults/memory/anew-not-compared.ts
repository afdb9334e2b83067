import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks:
    "An acquire goes through while somebody says that etcd began anew and the base is not raised yet.",
  file: "sidecar/resources/mirror.ts",
  text: '      { kind: "created", key: this.#anewKey, revision: noRevision },\n',
  other: "",
  caughtBy: { seed: "725", faults: ["storm", "wipeAtOnce"] },
};
