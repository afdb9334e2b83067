/**
 * What stands in the spec tree, as read from etcd: a resource's record, and the installation's.
 */
import {
  parseDistributedLockSpec,
  type DistributedLockSpec,
} from "#api/resources/distributed-lock.ts";
import { protocolLevel } from "#api/names.ts";
import { describeProblem } from "#api/fields/read.ts";
import { bigintOf, decodeJson, encodeJson, numberOf, textOf } from "../json.ts";
import type { KeyValue, Revision } from "../store.ts";

export const distributedLockKind = "DistributedLock";

export interface ResourceRecord {
  readonly kind: string;
  readonly name: string;
  /** Of this record: every acquire is given it, and every deciding read reads it. */
  readonly modRevision: Revision;
  readonly uid: string;
  readonly generation: number;
  /** The least protocol level that may serve it. */
  readonly level: number;
  readonly spec: unknown;
  /** Why this process does not serve it. */
  readonly problem?: RecordProblem;
  /** For kinds that are served. */
  readonly lock?: DistributedLockSpec;
}

export type RecordProblem =
  | { readonly code: "tooNew"; readonly message: string }
  | { readonly code: "invalid"; readonly message: string };

export function readRecord(kv: KeyValue, kind: string, name: string): ResourceRecord {
  return judgeRecord(decodeJson(kv.value) ?? {}, { kind, name, modRevision: kv.modRevision });
}

/** `value`: what stands there, which may be anything. */
export function judgeRecord(
  value: Readonly<Record<string, unknown>>,
  { kind, name, modRevision }: Pick<ResourceRecord, "kind" | "name" | "modRevision">,
): ResourceRecord {
  const record = {
    kind,
    name,
    modRevision,
    uid: textOf(value["uid"]) ?? "",
    generation: numberOf(value["generation"]) ?? 0,
    level: numberOf(value["level"]) ?? 0,
    spec: value["spec"],
  };
  if (record.level > protocolLevel) {
    const message = `it needs protocol level ${String(record.level)}; this sidecar speaks ${String(protocolLevel)}`;
    return { ...record, problem: { code: "tooNew", message } };
  }
  if (kind !== distributedLockKind) {
    return {
      ...record,
      problem: { code: "invalid", message: `this sidecar does not serve kind ${kind}` },
    };
  }
  const parsed = parseDistributedLockSpec(value["spec"], "spec");
  if (parsed.ok) return { ...record, lock: parsed.spec };
  return {
    ...record,
    problem: { code: "invalid", message: parsed.problems.map(describeProblem).join(" ") },
  };
}

export interface RecordContent {
  readonly uid: string;
  readonly generation: number;
  readonly level: number;
  readonly spec: unknown;
  /** Wall clock of the publisher, for people and for telling whether a file is newer. */
  readonly publishedAt: number;
}

export function encodeRecord(content: RecordContent): Uint8Array {
  return encodeJson(content);
}

export interface Installation {
  readonly modRevision: Revision;
  /** Who owns the spec tree: `standalone`, or the operator's installation. */
  readonly owner: string;
  /** Added to every create revision before it becomes a fence. */
  readonly base: bigint;
  /** The etcd cluster that the base belongs to. */
  readonly cluster: string;
}

/** Undefined: the record is not one that fences can be made from. */
export function readInstallation(kv: KeyValue | undefined): Installation | undefined {
  if (kv === undefined) return undefined;
  const value = decodeJson(kv.value) ?? {};
  const owner = textOf(value["owner"]);
  const base = bigintOf(value["base"]);
  const cluster = textOf(value["cluster"]);
  if (owner === undefined || base === undefined || cluster === undefined) return undefined;
  return { modRevision: kv.modRevision, owner, base, cluster };
}

export function encodeInstallation(installation: Omit<Installation, "modRevision">): Uint8Array {
  return encodeJson({ ...installation, base: installation.base.toString() });
}
