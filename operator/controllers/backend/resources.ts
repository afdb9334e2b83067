/** The resources that the controller reads and writes, and what it calls its own objects. */
import { group, injectLabel, version } from "#api/names.ts";
import { backend } from "#api/resources/backend.ts";
import type { KubeObject, Resource } from "../../kube/objects.ts";
import { dataOf, textsIn } from "../../kube/secrets.ts";

export const backends: Resource = {
  ...{ group, version, kind: backend.kind, plural: backend.plural, namespaced: true },
};

/** The one Backend that is used, in the operator's namespace. */
export const usedName = "default";

/** For ever the same: see apply.ts. */
export const fieldManager = "holdfast-backend";

/** Whether pods of the namespace get a sidecar that do not say otherwise. */
export function asksForSidecars({ metadata }: KubeObject): boolean {
  return metadata.labels?.[injectLabel] === "enabled";
}

const userLabel = `${group}/etcd-user`;
const namespaceLabel = `${group}/namespace`;
const uidAnnotation = `${group}/namespace-uid`;
export const userSelector = `${userLabel}=true`;

/** With a dot, which no namespace has: no namespace can make it the name of a Secret that somebody else needs. */
export function userSecretName(namespace: string): string {
  return `holdfast-etcd-user.${namespace}`;
}

/** Whether it was made for the namespace's user, by its labels; whatever else has the name is not touched. */
export function isUserSecret(object: KubeObject, namespace: string): boolean {
  return readUserSecret(object)?.namespace === namespace;
}

/** A namespace that has our Secret. */
export interface UserSecret {
  readonly namespace: string;
  /** Undefined: it holds none that can be used. */
  readonly password: string | undefined;
  /** Of the namespace for which the password was made: one of its name that is made later gets another. */
  readonly uid: string | undefined;
}

/** Undefined: it is none of ours. */
export function readUserSecret({ metadata, data }: KubeObject): UserSecret | undefined {
  const { labels = {}, annotations = {} } = metadata;
  const namespace = labels[namespaceLabel];
  if (labels[userLabel] !== "true" || namespace === undefined) return undefined;
  const { password = "" } = textsIn(data);
  return {
    namespace,
    password: password === "" ? undefined : password,
    uid: annotations[uidAnnotation],
  };
}

export interface WrittenSecret {
  readonly namespace: string;
  readonly uid: string;
  readonly user: string;
  /** Empty: it is being made. */
  readonly password: string;
}

export function userSecretFields({ namespace, uid, user, password }: WrittenSecret) {
  return {
    labels: {
      "app.kubernetes.io/managed-by": "holdfast",
      [userLabel]: "true",
      [namespaceLabel]: namespace,
    },
    annotations: { [uidAnnotation]: uid },
    fields: {
      type: "kubernetes.io/basic-auth",
      data: dataOf({ username: user, password }),
    },
  };
}
