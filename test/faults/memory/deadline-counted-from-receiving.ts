import type { Bug } from "../bug.ts";

export const bug: Bug = {
  breaks: "An answer that came late makes the session believe in a lease that etcd has let go.",
  file: "core/session/session.ts",
  text: "this.#beat = { sentAt: beat.sentAt, wallAheadMs",
  other: "this.#beat = { sentAt: this.#parts.runtime.now(), wallAheadMs",
  caughtBy: { seed: "114", faults: ["storm", "cut"] },
};
