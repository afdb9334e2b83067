/** Pods as the operator keeps them, and what is current. */
import { injectionAnnotation, injectLabel, sidecarLabel } from "#api/names.ts";
import type { Current } from "#operator/controllers/sidecars/judge.ts";
import { markText } from "#operator/injection/mark.ts";
import type { KubeObject } from "#operator/kube/objects.ts";
import { keptPod } from "#operator/sidecars/pods.ts";

export const current: Current = {
  ...{ version: "1.2.0", template: "cafe", excluded: ["kube-system", "holdfast-system"] },
  served: undefined,
};

export interface PodSaid {
  readonly name?: string;
  readonly namespace?: string;
  /** Its own. */
  readonly inject?: string;
  /** Version and template of the sidecar's mark. */
  readonly mark?: readonly [version: string, template: string];
  /** Absent: as the mark. */
  readonly injected?: boolean;
  readonly deleted?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** `ReplicaSet orders-abc`: of apps/v1. */
  readonly owner?: string;
}

export function pod(said: PodSaid = {}): KubeObject {
  const { name = "a", namespace = "shop", inject, mark, deleted = false, owner } = said;
  const { injected = mark !== undefined } = said;
  const labels = {
    ...(inject !== undefined && { [injectLabel]: inject }),
    ...(injected && { [sidecarLabel]: "injected" }),
    ...said.labels,
  };
  const annotations = {
    ...(mark !== undefined && { [injectionAnnotation]: markOf(...mark) }),
    ...said.annotations,
  };
  return keptPod({
    apiVersion: "meta.k8s.io/v1",
    kind: "PartialObjectMetadata",
    metadata: {
      ...{ name, namespace, uid: `uid-${namespace}-${name}`, resourceVersion: "1" },
      ...{ labels, annotations, managedFields: [{ manager: "kubectl" }] },
      ...(deleted && { deletionTimestamp: "2026-01-01T00:00:00Z" }),
      ...(owner !== undefined && { ownerReferences: [ownerReference(owner)] }),
    },
  });
}

export function markOf(version: string, template: string): string {
  const sidecar = { container: "holdfast", volumes: [] };
  return markText({ version, template, settings: {}, ...sidecar });
}

function ownerReference(owner: string): object {
  const [kind, name] = owner.split(" ");
  const apiVersion =
    kind === "Job" ? "batch/v1" : kind === "Rollout" ? "argo.example/v1" : "apps/v1";
  return { apiVersion, kind, name, uid: `uid-${name}`, controller: true };
}
