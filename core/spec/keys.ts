/**
 * The spec tree, written by its owner (the operator; in standalone mode the sidecar):
 *
 *   /holdfast/v1/spec/installation                 who owns the tree, and the fence base
 *   /holdfast/v1/spec/{namespace}/{kind}/{name}    one published resource
 */
import { prefixRange, type Key } from "../store.ts";

export const installationKey: Key = "/holdfast/v1/spec/installation";

/** All of it. */
export const specTree = prefixRange("/holdfast/v1/spec/");

export function recordsOf(namespace: string): { readonly key: Key; readonly end: Key } {
  return prefixRange(`/holdfast/v1/spec/${namespace}/`);
}

export function recordKey(namespace: string, kind: string, name: string): Key {
  return `/holdfast/v1/spec/${namespace}/${kind}/${name}`;
}

export function kindAndNameOf(
  key: Key,
  namespace: string,
): { kind: string; name: string } | undefined {
  const parts = key.slice(recordsOf(namespace).key.length).split("/");
  const [kind, name] = parts;
  return parts.length === 2 && kind !== undefined && name !== undefined
    ? { kind, name }
    : undefined;
}

export interface RecordName {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
}

/** Of a record in any namespace; undefined for a key that is none. */
export function recordNameOf(key: Key): RecordName | undefined {
  const [namespace, kind, name, more] = key.slice(specTree.key.length).split("/");
  if (namespace === undefined || kind === undefined || name === undefined || more !== undefined)
    return undefined;
  return { namespace, kind, name };
}
