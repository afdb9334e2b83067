/**
 * The last good copy of the namespace's part of the spec tree, kept on the sidecar's own volume for the case that it
 * restarts while etcd is down: it then knows its pools, and can say of a request what is wrong with it, or wait for etcd
 * with it, instead of knowing nothing.
 *
 *   none        no folder, no copy, or one that cannot be used ─┐
 *   remembered  a copy was read ────────────────────────────────┤
 *   read        the namespace was read from etcd: the copy is over ◀┘  and from then on written (copy-keeper.ts)
 *
 * It holds records and nothing else: what may be asked for, as far as it was known. Nothing is granted by a remembered
 * record: every acquire waits until the tree was read, and is judged by what was read. Not in it: session, lease and grants,
 * which are over for a successor; the fence base and etcd's revision, which only etcd tells, now (decision 18).
 *
 *   holdfast-copy {format} {fingerprint of the rest}
 *   {"namespace", "writtenAt", "records": […]}
 */
import { utf8Bytes } from "#api/fields/text.ts";
import { bigintOf, decodeJson, objectOf, textOf, wholeOf } from "#core/json.ts";
import { momentMax, type Epoch } from "#core/runtime.ts";
import { judgeRecord, type ResourceRecord } from "#core/spec/records.ts";
import type { Revision } from "#core/store.ts";
import { fingerprint } from "./fingerprint.ts";

/** Raised when an older sidecar would read a copy wrongly. */
const format = 1;
const mark = "holdfast-copy";
/**
 * Of the whole file. While one is written the older one stands beside it, and the volume of an injected sidecar has 8 MiB;
 * that is some 7,000 resources with all their defaults.
 */
export const copyBytesMax = 3 * 1024 * 1024;
/** For the first line and the fields around the records. */
const aroundBytes = 1_024;
const newline = 0x0a;

export interface Copy {
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
  { writtenAt, records }: Copy,
  namespace: string,
  bytesMax = copyBytesMax,
): { readonly bytes: Uint8Array; readonly leftOut: number } {
  const about = { namespace, writtenAt };
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
  const writtenAt = wholeOf(value["writtenAt"], momentMax) as Epoch | undefined;
  const listed: unknown = value["records"];
  if (!Array.isArray(listed)) return undefined;
  const records = listed.flatMap((one) => recordOf(one) ?? []);
  return writtenAt === undefined || records.length < listed.length
    ? undefined
    : { writtenAt, records };
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
