/**
 * The conditions of a resource and the closed lists of their reasons. Each reason has its heading in
 * docs/operations/conditions.md: what it means, and what to do.
 */
import { canonicalJson, numberOf, textOf } from "#core/json.ts";
import type { Epoch } from "#core/runtime.ts";
import { secondTime } from "#host/wall-time.ts";

export const reasons = {
  Accepted: [
    ...(["Valid", "Invalid", "NotSupportedYet", "BackendNotSupported"] as const),
    ...(["BackendNotFound", "BackendNotAccepted"] as const),
  ],
  BackendReachable: ["Reachable", "Connecting", "Unreachable", "ForeignOwner", "NotAsked"],
  Programmed: ["Published", "Publishing", "OldGrants", "NotAccepted"],
  Ready: ["Usable", "NotAccepted", "BackendNotReachable", "NotProgrammed", "Pending"],
  Lagging: ["SidecarsBehind", "SidecarsTooOld"],
  Stalled: ["BackendFull", "BackendRefuses"],
} as const;

export type ConditionType = keyof typeof reasons;
export type ReasonOf<T extends ConditionType> = (typeof reasons)[T][number];
export type ConditionStatus = "True" | "False" | "Unknown";

/** One aspect of a resource's state, as it is judged now. */
export interface Judged {
  readonly type: string;
  readonly status: ConditionStatus;
  readonly reason: string;
  readonly message: string;
}

/** The same of a published resource. */
export interface Condition<T extends ConditionType = ConditionType> extends Judged {
  readonly type: T;
  readonly reason: ReasonOf<T>;
}

/** As it stands in the resource. */
export interface StoredCondition {
  readonly type: string;
  readonly status: string;
  readonly observedGeneration?: number;
  readonly lastTransitionTime: string;
  readonly reason: string;
  readonly message: string;
}

/** What the API server takes, in bytes; no letter of ours or of a user's takes more than four. */
const messageMax = 32_768 / 4;

/** The conditions as they are to be written: a status that did not change keeps its time. */
export function transition(
  before: readonly StoredCondition[],
  now: readonly Judged[],
  at: { readonly generation: number; readonly wallNow: Epoch },
): StoredCondition[] {
  return now.map(({ type, status, reason, message }) => {
    const was = before.find((condition) => condition.type === type);
    return {
      type,
      status,
      observedGeneration: at.generation,
      lastTransitionTime: was?.status === status ? was.lastTransitionTime : secondTime(at.wallNow),
      reason,
      message: message.slice(0, messageMax),
    };
  });
}

/** What a person waits for: all of a status's conditions but their messages. */
export function outline({
  observedGeneration,
  conditions,
}: Readonly<Record<string, unknown>>): string {
  const outlines = readConditions(conditions).map(
    ({ message: _message, ...condition }) => condition,
  );
  return canonicalJson([observedGeneration, outlines]);
}

/** What somebody else wrote there may be anything. */
export function readConditions(value: unknown): StoredCondition[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((entry: unknown) => {
    const read = typeof entry === "object" && entry !== null ? { ...entry } : {};
    const fields: Readonly<Record<string, unknown>> = read;
    const [type, status] = [textOf(fields["type"]), textOf(fields["status"])];
    const since = textOf(fields["lastTransitionTime"]);
    if (type === undefined || status === undefined || since === undefined) return [];
    const generation = numberOf(fields["observedGeneration"]);
    return {
      type,
      status,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      lastTransitionTime: since,
      reason: textOf(fields["reason"]) ?? "",
      message: textOf(fields["message"]) ?? "",
    };
  });
}
