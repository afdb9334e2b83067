/**
 * What a sidecar says of itself and of the resources it serves: one value under its session's lease, read by the operator
 * a namespace at a time. It is for people and decides nothing: no grant hangs on it.
 *
 *   /holdfast/v1/data/{namespace}/sidecars/{session}
 */
import { bigintOf, decodeJson, encodeJson, objectOf, textOf, wholeOf } from "../json.ts";
import { momentMax, type Epoch } from "../runtime.ts";
import { prefixRange, type Key, type KeyRange, type KeyValue, type Revision } from "../store.ts";
import { dataRoot } from "../session/keys.ts";
import type { RecordProblem } from "./records.ts";

export function reportKey(namespace: string, session: string): Key {
  return `${reportsOf(namespace).key}${session}`;
}

export function reportsOf(namespace: string): KeyRange {
  return prefixRange(`${dataRoot(namespace)}sidecars/`);
}

export interface SidecarReport {
  readonly session: string;
  readonly version: string;
  /** The protocol level that it speaks. */
  readonly level: number;
  readonly pod: string;
  readonly node?: string;
  /** It has taken in all of its part of the spec tree up to this revision; 0: nothing yet. */
  readonly applied: Revision;
  /** Those in use first, then those with a problem. */
  readonly resources: readonly ResourceReport[];
  /** Resources that found no room, unused and without a problem as far as others were: `applied` speaks for them. */
  readonly leftOut: number;
}

export interface ResourceReport {
  readonly kind: string;
  readonly name: string;
  /** Of the record that is applied; 0: it is gone, and grants or waits are left. */
  readonly revision: Revision;
  /** Why it is not served here. */
  readonly problem?: RecordProblem["code"];
  /** By grants of this sidecar. */
  readonly held: number;
  /** Callers of this sidecar; who only tries does not count. */
  readonly waiting: number;
  readonly oldestWaitSince?: Epoch;
}

/** What more is written is not read: one pod may not fill the operator's memory, nor keep it busy. A sidecar writes half of it. */
const reportBytesMax = 512 * 1024;
const resourcesMax = 10_000;
const textMax = 253;

export function encodeReport(report: SidecarReport): Uint8Array {
  const resources = report.resources.map((one) => ({ ...one, revision: String(one.revision) }));
  return encodeJson({ ...report, applied: String(report.applied), resources });
}

/**
 * Undefined: it is no report, too large for one, or not of the session that its key names. What else cannot be read is shown as nothing, which
 * claims the least; a resource without a name is left out.
 */
export function readReport({ key, value }: KeyValue): SidecarReport | undefined {
  if (value.length > reportBytesMax) return undefined;
  const read = decodeJson(value) ?? {};
  const { version, level, pod, node, applied, resources, leftOut } = read;
  const session = shortOf(read["session"]);
  if (session === "" || !key.endsWith(`/sidecars/${session}`)) return undefined;
  const listed: readonly unknown[] = Array.isArray(resources) ? resources : [];
  return {
    ...{ session, version: shortOf(version), level: countOf(level), pod: shortOf(pod) },
    ...(node === undefined ? {} : { node: shortOf(node) }),
    applied: revisionOf(applied),
    resources: listed
      .slice(0, resourcesMax)
      .map(resourceOf)
      .filter(({ kind, name }) => kind !== "" && name !== ""),
    leftOut: countOf(leftOut),
  };
}

function resourceOf(listed: unknown): ResourceReport {
  const { kind, name, revision, problem, held, waiting, oldestWaitSince } = objectOf(listed) ?? {};
  const since = wholeOf(oldestWaitSince, momentMax) as Epoch | undefined;
  return {
    ...{ kind: shortOf(kind), name: shortOf(name), revision: revisionOf(revision) },
    // A later version may know more problems: none of them means that it is served.
    ...(problem === undefined ? {} : { problem: problem === "tooNew" ? problem : "invalid" }),
    ...{ held: countOf(held), waiting: countOf(waiting) },
    ...(since === undefined ? {} : { oldestWaitSince: since }),
  };
}

function shortOf(value: unknown): string {
  return (textOf(value) ?? "").slice(0, textMax);
}

function countOf(value: unknown): number {
  return wholeOf(value, Number.MAX_SAFE_INTEGER) ?? 0;
}

function revisionOf(value: unknown): Revision {
  const number = bigintOf(value) ?? 0n;
  return (number > 0n ? number : 0n) as Revision;
}
