/**
 * What the user of a namespace is called, and what its role may do: read and write the namespace's data, read its part of
 * the spec tree and the one key of the installation. Never the bare name: a namespace may be called `root`.
 */
import { createHash } from "node:crypto";
import { dataRoot } from "#core/session/keys.ts";
import { installationKey, recordsOf } from "#core/spec/keys.ts";
import { prefixRange, type KeyRange } from "#core/store.ts";

/** As long as the common name of a certificate may be. */
const nameCharsMax = 64;
const hashChars = 48;

/** Of the user and of its role, and of a certificate that stands for it. */
export function accessName(namespace: string): string {
  const plain = `ns:${namespace}`;
  if (plain.length <= nameCharsMax) return plain;
  // No namespace's plain name has a second colon.
  const hash = createHash("sha256").update(namespace).digest("hex").slice(0, hashChars);
  return `ns:sha256:${hash}`;
}

/** As etcd has it: of one key where `end` is empty. */
export interface Right {
  readonly access: "Read" | "Readwrite" | "Write";
  readonly key: string;
  readonly end: string;
}

export function rightsOf(namespace: string): readonly Right[] {
  return [
    { access: "Readwrite", ...of(prefixRange(dataRoot(namespace))) },
    { access: "Read", ...of(recordsOf(namespace)) },
    { access: "Read", ...of({ key: installationKey }) },
  ];
}

export function isSameRight(a: Right, b: Right): boolean {
  return a.access === b.access && a.key === b.key && a.end === b.end;
}

/** Whether it may be the name of a user that we made. */
export function mayBeOurs(name: string): boolean {
  return name.startsWith("ns:");
}

/** The namespace of a role that we made, which its name alone does not always tell; undefined: it is none of ours. */
export function namespaceOfRole(name: string, rights: readonly Right[]): string | undefined {
  const named = rights.map(({ key }) => key.split("/").at(-2) ?? "");
  const namespace = named.find((one) => accessName(one) === name);
  if (namespace === undefined) return undefined;
  const isOurs = rightsOf(namespace).every((one) => rights.some((it) => isSameRight(one, it)));
  return isOurs ? namespace : undefined;
}

function of({ key, end = "" }: KeyRange): Pick<Right, "key" | "end"> {
  return { key, end };
}
