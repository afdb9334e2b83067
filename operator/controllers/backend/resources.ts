/** The resources that the controller reads and writes, and what it calls its own objects. */
import { group, version } from "#api/names.ts";
import { backend } from "#api/resources/backend.ts";
import type { KubeObject, Resource } from "../../kube/objects.ts";

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

/** With a dot, which no namespace has: no namespace can make it the name of a Secret that somebody else needs. */
export function userSecretName(namespace: string): string {
  return `holdfast-etcd-user.${namespace}`;
}

/** Whether it was made for the namespace's user, by its labels; whatever else has the name is not touched. */
export function isUserSecret({ metadata }: KubeObject, namespace: string): boolean {
  const { labels = {} } = metadata;
  return labels[userLabel] === "true" && labels[namespaceLabel] === namespace;
}

export function userSecretLabels(namespace: string): Readonly<Record<string, string>> {
  return {
    "app.kubernetes.io/managed-by": "holdfast",
    [userLabel]: "true",
    [namespaceLabel]: namespace,
  };
}
