/**
 * An authority as its Secret holds it, of type kubernetes.io/tls:
 *
 * | key                    | what                                                                                 |
 * | ---------------------- | ------------------------------------------------------------------------------------ |
 * | `tls.crt`, `tls.key`   | the authority that issues now                                                        |
 * | `ca.crt`               | the bundle, what is to be trusted: that one, then the next one, then the former ones |
 * | `next.crt`, `next.key` | the one that will issue; only while everybody learns to trust it                     |
 *
 * A Secret without our label was brought by somebody else: it is used as it is, and never written.
 */
import { X509Certificate } from "node:crypto";
import { group } from "#api/names.ts";
import type { KubeObject, ObjectMeta } from "../kube/objects.ts";
import { dataOf, textsIn } from "../kube/secrets.ts";
import { keyPem, readAuthority, type Authority } from "./x509/certificate.ts";

export interface AuthorityRecord {
  readonly current: Authority;
  readonly next: Authority | undefined;
  /** PEM, one a certificate. */
  readonly former: readonly string[];
  /** When the last step was taken, on the wall clock: made, announced, or promoted. */
  readonly sinceMs: number;
  /** Whether it is ours to renew. */
  readonly ours: boolean;
  /** Somebody wants it renewed now. */
  readonly asked: boolean;
}

export type RecordRead =
  | { readonly kind: "read"; readonly record: AuthorityRecord }
  | { readonly kind: "unusable"; readonly problem: string };

const managedBy = { "app.kubernetes.io/managed-by": "holdfast" };
const sinceAnnotation = `${group}/since`;
/** What a person writes to have an authority renewed before its time; its value says nothing. */
export const renewAnnotation = `${group}/renew`;

/** All certificates of a PEM text, one a text. */
export function certificatesOf(pem: string): string[] {
  return [...pem.matchAll(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)].map(
    ([text]) => `${text}\n`,
  );
}

export function bundleOf({ current, next, former }: AuthorityRecord): string {
  const ones = [current.certificate, ...(next === undefined ? [] : [next.certificate]), ...former];
  return ones.map((pem) => (pem.endsWith("\n") ? pem : `${pem}\n`)).join("");
}

export function expiryMs(authority: Authority): number {
  return new X509Certificate(authority.certificate).validToDate.getTime();
}

export function readRecord(secret: KubeObject): RecordRead {
  const texts = textsIn(secret["data"]);
  try {
    const current = authorityOf(texts["tls.crt"], texts["tls.key"]);
    if (current === undefined)
      return { kind: "unusable", problem: "it has no tls.crt and tls.key" };
    const next = authorityOf(texts["next.crt"], texts["next.key"]);
    const known = new Set([current, next].flatMap((one) => (one ? [markOf(one.certificate)] : [])));
    const bundled = certificatesOf(texts["ca.crt"] ?? "");
    const former = bundled.filter((pem) => !known.has(markOf(pem)));
    const { labels = {}, annotations = {} } = secret.metadata;
    const since = Date.parse(annotations[sinceAnnotation] ?? createdAt(secret.metadata));
    return {
      kind: "read",
      record: {
        ...{ current, next, former },
        sinceMs: Number.isNaN(since) ? 0 : since,
        ours: Object.entries(managedBy).every(([label, value]) => labels[label] === value),
        asked: annotations[renewAnnotation] !== undefined,
      },
    };
  } catch (error) {
    // Node and readAuthority say what is wrong with a certificate or a key; nothing else throws here.
    return { kind: "unusable", problem: error instanceof Error ? error.message : String(error) };
  }
}

function authorityOf(certificate?: string, key?: string): Authority | undefined {
  if (certificate === undefined || key === undefined) return undefined;
  return readAuthority(certificate, key);
}

function createdAt(metadata: ObjectMeta): string {
  const created = metadata["creationTimestamp"];
  return typeof created === "string" ? created : "";
}

function markOf(pem: string): string {
  return new X509Certificate(pem).fingerprint256;
}

export interface SecretNames {
  readonly namespace: string;
  readonly name: string;
  readonly installation: string;
}

/** As it is created. */
export function secretOf(record: AuthorityRecord, { namespace, name, installation }: SecretNames) {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      ...{ namespace, name },
      labels: { ...managedBy, "app.kubernetes.io/instance": installation },
      annotations: { [sinceAnnotation]: new Date(record.sinceMs).toISOString() },
    },
    type: "kubernetes.io/tls",
    data: dataOf(textsOf(record)),
  };
}

/** The Secret that was read, with this record in it: over that version only. */
export function withRecord(secret: KubeObject, record: AuthorityRecord): KubeObject {
  const { annotations = {}, ...metadata } = secret.metadata;
  const { [renewAnnotation]: _done, ...others } = annotations;
  const since = { [sinceAnnotation]: new Date(record.sinceMs).toISOString() };
  return {
    ...secret,
    metadata: {
      ...metadata,
      annotations: { ...(record.asked ? annotations : others), ...since },
    },
    data: dataOf(textsOf(record)),
  };
}

function textsOf(record: AuthorityRecord): Readonly<Record<string, string>> {
  const { current, next } = record;
  return {
    "tls.crt": current.certificate,
    "tls.key": keyPem(current.key),
    "ca.crt": bundleOf(record),
    ...(next !== undefined && { "next.crt": next.certificate, "next.key": keyPem(next.key) }),
  };
}
