/** Whether the etcd that keeps the resource answers the operator. */
import type { Condition } from "./condition.ts";

/** What is known of the etcd now. */
export type BackendView =
  /** Not asked yet. */
  | { readonly kind: "connecting" }
  | { readonly kind: "reachable" }
  | { readonly kind: "unreachable"; readonly problem: string }
  /** It answers, and its spec tree is somebody else's. */
  | { readonly kind: "foreign"; readonly message: string }
  /** There is no Backend that could be asked. */
  | { readonly kind: "notFound" | "notAccepted"; readonly message: string }
  /** With what to connect is missing: a Secret that the Backend names. */
  | { readonly kind: "unusable"; readonly message: string };

export function backendReachable(backend: BackendView): Condition<"BackendReachable"> {
  const type = "BackendReachable";
  switch (backend.kind) {
    case "connecting":
      return { type, status: "Unknown", reason: "Connecting", message: "etcd was not asked yet" };
    case "reachable":
      return { type, status: "True", reason: "Reachable", message: "etcd answers" };
    case "unreachable": {
      const message = `etcd does not answer the operator: ${backend.problem}`;
      return { type, status: "False", reason: "Unreachable", message };
    }
    case "foreign":
      return { type, status: "False", reason: "ForeignOwner", message: backend.message };
    case "unusable": {
      const message = `the operator cannot connect to etcd: ${backend.message}`;
      return { type, status: "False", reason: "Unreachable", message };
    }
    case "notFound":
    case "notAccepted":
      return { type, status: "Unknown", reason: "NotAsked", message: "no Backend names an etcd" };
    default:
      return backend satisfies never;
  }
}
