/** The resources that the controller reads and writes, and what it calls its own objects. */
import { group, version } from "#api/names.ts";
import { backend } from "#api/resources/backend.ts";
import type { Resource } from "../../kube/objects.ts";

export const backends: Resource = {
  ...{ group, version, kind: backend.kind, plural: backend.plural, namespaced: true },
};
export const secrets: Resource = {
  ...{ group: "", version: "v1", kind: "Secret", plural: "secrets", namespaced: true },
};

/** The one Backend that is used, in the operator's namespace. */
export const usedName = "default";

/** For ever the same: see apply.ts. */
export const fieldManager = "holdfast-backend";

const userLabel = `${group}/etcd-user`;
export const namespaceLabel = `${group}/namespace`;
export const userSelector = `${userLabel}=true`;

/** A namespace's name has at most 63 characters, so this one fits, too. */
export function userSecretName(namespace: string): string {
  return `holdfast-etcd-${namespace}`;
}

export function userSecretLabels(namespace: string): Readonly<Record<string, string>> {
  return {
    "app.kubernetes.io/managed-by": "holdfast",
    [userLabel]: "true",
    [namespaceLabel]: namespace,
  };
}
