/**
 * Resources and objects of the Kubernetes API as they are on the wire: raw JSON, of which only the metadata is known
 * here. Nothing goes through a typed model, so no field that a newer server sends is lost.
 */
import { textOf } from "#core/json.ts";
import { recordOf } from "./errors.ts";

/** What a path and an object are made of. `group` is empty for the core group. */
export interface Resource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

/** Which object of a resource. */
export interface ObjectName {
  readonly namespace?: string;
  readonly name: string;
}

export const namespaceResource: Resource = {
  ...{ group: "", version: "v1", kind: "Namespace", plural: "namespaces", namespaced: false },
};

export const podResource: Resource = {
  ...{ group: "", version: "v1", kind: "Pod", plural: "pods", namespaced: true },
};

declare const brand: unique symbol;

/** `namespace/name`, or `name` where the resource has no namespaces. */
export type ObjectKey = string & { readonly [brand]: "ObjectKey" };

export function objectKey({ namespace, name }: ObjectName): ObjectKey {
  return (namespace === undefined ? name : `${namespace}/${name}`) as ObjectKey;
}

export function nameOfKey(key: ObjectKey): ObjectName {
  const slash = key.indexOf("/");
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

export function keyOf(object: KubeObject): ObjectKey {
  const { namespace, name } = object.metadata;
  return objectKey(namespace === undefined ? { name } : { namespace, name });
}

/** `holdfast.dev/v1alpha1`; the core group's is `v1`. */
export function apiVersionOf({ group, version }: Resource): string {
  return group === "" ? version : `${group}/${version}`;
}

/** For labels of metrics and for messages: `queues.holdfast.dev`. */
export function resourceText({ group, plural }: Resource): string {
  return group === "" ? plural : `${plural}.${group}`;
}

/** `namespace` absent: of all namespaces, or a resource that has none. */
export function collectionPath(resource: Resource, namespace?: string): string {
  const root = resource.group === "" ? "/api" : "/apis";
  const scope = namespace === undefined ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}/${apiVersionOf(resource)}${scope}/${resource.plural}`;
}

export function objectPath(resource: Resource, object: ObjectName, subresource?: string): string {
  const tail = subresource === undefined ? "" : `/${subresource}`;
  return `${collectionPath(resource, object.namespace)}/${encodeURIComponent(object.name)}${tail}`;
}

/**
 * The value as an object of the resource; undefined where it is none. Items of a list say neither their kind nor their
 * version, what a watch sends does: here both get them, so that nobody can tell where an object came from.
 */
export function readObject(value: unknown, resource: Resource): KubeObject | undefined {
  const object = recordOf(value);
  const metadata = recordOf(object["metadata"]);
  const named = [metadata["name"], metadata["uid"], metadata["resourceVersion"]].every(
    (field) => (textOf(field) ?? "") !== "",
  );
  if (!named || (resource.namespaced && (textOf(metadata["namespace"]) ?? "") === ""))
    return undefined;
  return {
    ...object,
    apiVersion: textOf(object["apiVersion"]) ?? apiVersionOf(resource),
    kind: textOf(object["kind"]) ?? resource.kind,
    metadata: metadata as ObjectMeta,
  };
}

/** Who owns which field is often half of an object, and of no use to a controller. */
export function withoutManagedFields(object: KubeObject): KubeObject {
  if (object.metadata["managedFields"] === undefined) return object;
  const { managedFields: _dropped, ...metadata } = object.metadata;
  return { ...object, metadata: metadata };
}

/**
 * Whether resource version `a` is newer than `b`. Versions of one resource are ordered (KEP-5504), as long as they are
 * numbers; a server of another kind may use other texts: then undefined, and nobody must conclude anything.
 */
export function isNewer(a: string, b: string): boolean | undefined {
  if (!isNumber(a) || !isNumber(b)) return undefined;
  return a.length === b.length ? a > b : a.length > b.length;
}

const isNumber = (version: string): boolean => /^[1-9]\d*$/.test(version);
