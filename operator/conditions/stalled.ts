/** True only while etcd refuses what has to be written, and trying again alone will not help. */
import type { StoreRefusal } from "#core/outcome.ts";
import type { Condition } from "./condition.ts";

/** `refusal`: of the last write about the resource; undefined: there was none, or it went well. */
export function stalled(refusal: StoreRefusal | undefined): Condition<"Stalled"> | undefined {
  const [type, status] = ["Stalled", "True"] as const;
  switch (refusal?.code) {
    case "noSpace": {
      const message = `etcd is full: ${refusal.message}`;
      return { type, status, reason: "BackendFull", message };
    }
    case "permissionDenied":
    case "unauthenticated":
    case "invalidArgument": {
      const message = `etcd refuses what the operator writes: ${refusal.message}`;
      return { type, status, reason: "BackendRefuses", message };
    }
    // What passes by itself.
    case "stale":
    case "leaseNotFound":
    case "compacted":
    case "overloaded":
    case "notSent":
    case "queueFull":
    case undefined:
      return undefined;
    default:
      return refusal satisfies never;
  }
}
