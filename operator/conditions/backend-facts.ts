/** All that the conditions of a Backend are made of. */
import type { BackendSpec } from "#api/resources/backend.ts";
import type { SpecRead } from "#api/resources/kind.ts";
import type { EtcdView } from "../etcd-admin/view.ts";
import type { BackendView } from "./backend-reachable.ts";
import type { ManagedFacts } from "./managed-facts.ts";

/** What became of reading the Secrets that the spec names. */
export type SecretsRead =
  | { readonly kind: "read" }
  /** `what`: the field with the Secret's name, and the key where only that is missing. */
  | { readonly kind: "missing"; readonly what: string }
  | { readonly kind: "unusable"; readonly what: string }
  /** The API server did not give it. */
  | { readonly kind: "unread"; readonly what: string };

export interface BackendFacts {
  /** Whether it is the one that is used: `default` in the operator's namespace. */
  readonly used: boolean;
  readonly operatorNamespace: string;
  readonly spec: SpecRead<BackendSpec>;
  readonly secrets: SecretsRead;
  /** Undefined: nothing was asked, since it is not used, or with what to ask is missing. */
  readonly etcd: EtcdView | undefined;
  /** Whose spec tree it is, as far as is known; undefined: nobody asked. */
  readonly tree: BackendView | undefined;
  /** The users that could not be made, in words; empty: none. */
  readonly usersFailed: readonly string[];
  /** Undefined: the operator does not run it, or has not looked yet. */
  readonly managed?: ManagedFacts | undefined;
}

/** By what a sidecar shows of which namespace it is; undefined: by nothing, and namespaces have no users. */
export function proofOf({
  external,
  managed,
}: BackendSpec): "password" | "certificate" | undefined {
  if (managed !== undefined || external?.issuer !== undefined) return "certificate";
  return external?.passwords === true ? "password" : undefined;
}
