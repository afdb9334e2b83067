/** What is known of the etcd that the operator runs, beside what it says itself. */
import type { BackendSpec } from "#api/resources/backend.ts";
import type { KubeObject } from "../kube/objects.ts";

export interface ManagedFacts {
  /** What keeps the operator from making it. */
  readonly problem:
    | {
        readonly kind: "imageUnknown" | "authorityMissing" | "objectsRefused";
        readonly message: string;
      }
    | undefined;
  /** What stands; undefined: nothing does yet. */
  readonly storage: NonNullable<BackendSpec["managed"]>["storage"] | undefined;
  /** What stands in words, where the spec says something else. */
  readonly storageKept: string | undefined;
  readonly pod: KubeObject | undefined;
  readonly claim: KubeObject | undefined;
  /** Whether sidecars are let in: users, their rights and the base of the spec tree are in place. */
  readonly trusted: boolean;
}
