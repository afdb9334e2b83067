/**
 * The last good copy of the namespace's part of the spec tree, kept on the sidecar's own volume for the case that it
 * restarts while etcd is down: it then knows its pools, and can say of a request what is wrong with it, or wait for etcd
 * with it, instead of knowing nothing.
 *
 *   none        no folder, no copy, or one that cannot be used ─────────┐
 *   remembered  a copy was read, before anything was asked of etcd ──┐  │
 *   dropped     etcd is another than that of the copy, or begun anew ◀┤  │
 *   read        the namespace was read from etcd: the copy is over ◀─┴──┘  and from then on written (copy-keeper.ts)
 *
 * What it must hold is what its writer has *seen*: records, the cluster, the highest revision and fence base. A successor
 * that meets another cluster, a lower revision or a lower base knows that etcd began anew while it was away, though nobody
 * else may have seen it, and says so before anything is granted: what its predecessor promised may still run.
 * What it must not hold is what its writer *had*: session, lease, grants, waits. Those are over for the successor, and in
 * etcd they end with the lease, which nobody revokes. Nor the fence base as one to grant by, nor whether `anew` stands:
 * both only etcd tells, now.
 *
 * Nothing is granted by a remembered record: every acquire waits until the tree was read, and is given what was read.
 *
 *   holdfast-copy {format} {fingerprint of the rest}
 *   {"namespace", "cluster", "revision", "base", "writtenAt", "records": […]}
 */
import { utf8Bytes } from "#api/fields/text.ts";
import { bigintOf, decodeJson, objectOf, textOf, wholeOf } from "#core/json.ts";
import type { Header } from "#core/outcome.ts";
import { momentMax, type Epoch } from "#core/runtime.ts";
import { judgeRecord, type ResourceRecord } from "#core/spec/records.ts";
import type { Revision } from "#core/store.ts";
import { fingerprint } from "./fingerprint.ts";

/** Raised when an older sidecar would read a copy wrongly. */
const format = 1;
const mark = "holdfast-copy";
/**
 * Of the whole file. While one is written the older one stands beside it, and the volume of an injected sidecar has 8 MiB;
 * that is some 10,000 resources of common size.
 */
export const copyBytesMax = 3 * 1024 * 1024;
/** For the first line and the fields around the records. */
const aroundBytes = 1_024;
const newline = 0x0a;

export interface Copy {
  /** Of the answers that its writer had seen when it was written. */
  readonly seen: Header;
  readonly highestBase: bigint;
  /** By its writer's wall clock: for people. */
  readonly writtenAt: Epoch;
  readonly records: readonly ResourceRecord[];
}

export type CopyRead =
  | { readonly kind: "none" }
  /** `reason` completes "the copy …". */
  | { readonly kind: "unusable"; readonly reason: string }
  | { readonly kind: "usable"; readonly copy: Copy };

/** `leftOut`: resources that found no room. Of those nothing is known after a restart, as if there were no copy. */
export function encodeCopy(
  { seen, highestBase, writtenAt, records }: Copy,
  namespace: string,
  bytesMax = copyBytesMax,
): { readonly bytes: Uint8Array; readonly leftOut: number } {
  const about = {
    ...{ namespace, cluster: seen.cluster, revision: String(seen.revision) },
    ...{ base: String(highestBase), writtenAt },
  };
  let roomBytes = bytesMax - aroundBytes;
  const texts = records.map(textOfRecord).filter((text) => {
    const sizeBytes = utf8Bytes(text) + 1;
    if (sizeBytes > roomBytes) return false;
    roomBytes -= sizeBytes;
    return true;
  });
  const body = `${JSON.stringify(about).slice(0, -1)},"records":[${texts.join(",")}]}`;
  const bodyBytes = Buffer.from(body);
  const head = Buffer.from(`${mark} ${String(format)} ${fingerprint(bodyBytes)}\n`);
  return {
    bytes: Buffer.concat([head, bodyBytes]),
    leftOut: records.length - texts.length,
  };
}

/** Never throws: the bytes may be anything. Records are judged anew, for this sidecar may be a newer one. */
export function decodeCopy(bytes: Uint8Array, namespace: string): CopyRead {
  const end = bytes.indexOf(newline);
  const [first, version, print] = Buffer.from(bytes.subarray(0, Math.max(0, end)))
    .toString("latin1")
    .split(" ");
  if (first !== mark || version === undefined) return unusable("is damaged: it is no copy");
  if (version !== String(format))
    return unusable(`has format ${version.slice(0, 20)}; this sidecar reads ${String(format)}`);
  const body = bytes.subarray(end + 1);
  if (fingerprint(body) !== print)
    return unusable("is damaged: it does not say what was written there");
  const value = decodeJson(body) ?? {};
  const of = textOf(value["namespace"]) ?? "";
  if (of !== namespace) return unusable(`is of namespace '${of}', not of '${namespace}'`);
  const copy = copyOf(value);
  return copy === undefined
    ? unusable("holds what this sidecar does not understand")
    : { kind: "usable", copy };
}

export function unusable(reason: string): CopyRead {
  return { kind: "unusable", reason };
}

function copyOf(value: Readonly<Record<string, unknown>>): Copy | undefined {
  const cluster = textOf(value["cluster"]);
  const revision = bigintOf(value["revision"]) as Revision | undefined;
  const highestBase = bigintOf(value["base"]);
  const writtenAt = wholeOf(value["writtenAt"], momentMax) as Epoch | undefined;
  const listed: unknown = value["records"];
  if (!Array.isArray(listed)) return undefined;
  const records = listed.flatMap((one) => recordOf(one) ?? []);
  return cluster === undefined ||
    revision === undefined ||
    highestBase === undefined ||
    writtenAt === undefined ||
    records.length < listed.length
    ? undefined
    : { seen: { cluster, revision }, highestBase, writtenAt, records };
}

function recordOf(listed: unknown): ResourceRecord | undefined {
  const value = objectOf(listed) ?? {};
  const kind = textOf(value["kind"]);
  const name = textOf(value["name"]);
  const modRevision = bigintOf(value["revision"]) as Revision | undefined;
  if (kind === undefined || name === undefined || modRevision === undefined) return undefined;
  return judgeRecord(value, { kind, name, modRevision });
}

function textOfRecord({ kind, name, modRevision, uid, generation, level, spec }: ResourceRecord) {
  return JSON.stringify({
    ...{ kind, name, revision: String(modRevision) },
    ...{ uid, generation, level, spec },
  });
}
