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

export interface Permission {
  readonly access: "Read" | "Readwrite";
  readonly range: KeyRange;
}

export function permissionsOf(namespace: string): readonly Permission[] {
  return [
    { access: "Readwrite", range: prefixRange(dataRoot(namespace)) },
    { access: "Read", range: recordsOf(namespace) },
    { access: "Read", range: { key: installationKey } },
  ];
}
