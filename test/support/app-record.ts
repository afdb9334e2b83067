/**
 * What an app wrote down of its locks (test/cluster/real/recording-app.ts), read, and told as the history that the checks
 * of the simulation judge: by what apps were told, on one clock.
 */
import { parseDurationMs } from "#api/fields/duration.ts";
import { exclusion } from "#test/simulation/checks/exclusion.ts";
import { fences } from "#test/simulation/checks/fences.ts";
import { History, type Granted, type Violation } from "#test/simulation/history.ts";

export interface RecordLine {
  /** On the machine's monotonic clock, in ms. */
  readonly at: number;
  /** The same moment as people count. */
  readonly wall: number;
  readonly kind: RecordKind;
  readonly lock?: string;
  /** Of the grant. */
  readonly id?: string;
  readonly fence?: string;
  /** When the request was sent whose answer this is. */
  readonly askedAt?: number;
  readonly guaranteedFor?: string;
  readonly status?: number;
  readonly code?: string;
  readonly reason?: string;
  readonly since?: string;
}

export type RecordKind =
  | ("started" | "asking" | "failed" | "granted" | "told" | "unanswered" | "lost")
  | ("releasing" | "released" | "terminated" | "ended");

export interface AppRecord {
  readonly pod: string;
  readonly lines: readonly RecordLine[];
  /** After it the app did nothing more. */
  readonly lastBreath?: number | undefined;
}

/** A last line without its end is still being written. */
export function readRecord(text: string): RecordLine[] {
  const whole = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
  return whole.filter((line) => line !== "").map((line) => JSON.parse(line) as RecordLine);
}

/** Until when it was told that nobody else is granted the lock, counted from its asking. */
export function guaranteedUntil({ lines }: Pick<AppRecord, "lines">, id: string): number {
  const stated = lines.filter((line) => line.id === id && line.guaranteedFor !== undefined);
  return Math.max(...stated.map(claimEnd));
}

function claimEnd({ askedAt = Number.NaN, guaranteedFor = "" }: RecordLine): number {
  return askedAt + parseDurationMs(guaranteedFor);
}

/** All records of one namespace. Empty: nobody was told a lie. */
export function lies(records: readonly AppRecord[]): Violation[] {
  const history = historyOf(records);
  return [...exclusion(history), ...fences(history)];
}

/** The session that gave it. */
export const sessionOf = (grantId: string): string => grantId.slice(0, grantId.indexOf("-"));

function historyOf(records: readonly AppRecord[]): History {
  const history = new History();
  const grants = records.flatMap(grantsOf).toSorted((a, b) => a.atMs - b.atMs);
  for (const grant of grants) history.add(grant);
  for (const { pod, lastBreath } of records)
    if (lastBreath !== undefined) history.letGo(lastBreath, ({ process }) => process === pod);
  return history;
}

function grantsOf({ pod, lines }: AppRecord): Granted[] {
  return lines.flatMap((line) => {
    const { kind, id, lock, fence } = line;
    if (kind !== "granted" || id === undefined || lock === undefined || fence === undefined)
      return [];
    const stated = lines.filter((other) => other.id === id && other.guaranteedFor !== undefined);
    // Who has ended relies on nothing; another life of that pod writes on into the same record.
    const letGo = lines.find(
      (other) =>
        (other.kind === "releasing" && other.id === id) ||
        (other.kind === "ended" && other.at > line.at),
    );
    return [
      {
        ...{ id, lock, process: pod, contender: id, holder: pod, fence: BigInt(fence) },
        ...{ sharing: { mode: "Mutex", permits: 1 }, mode: "exclusive", permits: 1 },
        ...{ handovers: 0, attempt: 0, step: 0, atMs: line.at, atInstant: line.at },
        ...{ maxHoldMs: undefined, othersSinceMs: undefined },
        handover: { maxCount: 0, maxHoldMs: 0 },
        claims: stated.map((claim) => ({
          // An answer may lie unread while its reader stands still; a question cannot.
          atMs: claim.askedAt ?? claim.at,
          untilMs: claimEnd(claim),
          guaranteedForMs: claimEnd(claim) - (claim.askedAt ?? 0),
          ...{ expiresInMs: undefined, ttlMs: undefined, heldMs: 0, deadlineInMs: undefined },
          ...{ leaseEndsMs: undefined, contenders: [] },
        })),
        ...(letGo !== undefined && { releasedMs: letGo.at }),
      },
    ];
  });
}
