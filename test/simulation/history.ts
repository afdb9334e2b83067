/**
 * What was seen of a simulated cluster, on true time: who asked for what and heard what, and how etcd stood at that moment.
 * The checks (checks/) are functions of it and nothing else, so that they can be tried on histories made by hand.
 */
import type { DeadlockWait } from "#core/lock/deadlocks.ts";
import type { Demand, Sharing } from "#core/lock/order.ts";

export type AttemptOutcome =
  | "granted"
  | "held"
  | "unknown"
  | "refused"
  /** Its client went away while it waited. */
  | "left"
  /** Its sidecar was killed. */
  | "died";

/** One acquire, as its sidecar met it. */
export interface Attempt {
  readonly id: number;
  readonly process: string;
  /** Of a set: all of them in one text. */
  readonly lock: string;
  /** Of a set: each. */
  readonly locks?: readonly string[] | undefined;
  /** It stands in etcd by itself: not with others of its sidecar. */
  readonly hasOwnPlace?: boolean;
  readonly waitMs: number;
  readonly requestId?: string | undefined;
  readonly owner?: string | undefined;
  readonly arrivedMs: number;
  /** The world's step: tells what happened first at one time. */
  readonly arrivedStep: number;
  /** For how long its process had run until then: the time in which it was stopped left out. */
  readonly arrivedRunMs: number;
  settledMs?: number;
  settledStep?: number;
  settledRunMs?: number;
  outcome?: AttemptOutcome;
  code?: string;
  /** That it was ended to break. */
  circle?: readonly DeadlockWait[];
  grantId?: string;
  /** Of its process as it was answered; undefined: none. */
  session?: string | undefined;
  leftStep?: number;
}

/** A place that was taken in etcd. */
export interface PlaceMade {
  readonly key: string;
  readonly lock: string;
  readonly session: string;
  readonly madeMs: number;
  goneMs?: number;
}

/** A write that a client asked for under a grant. */
export interface GuardedWrite {
  /** Told apart by it in etcd. */
  readonly id: string;
  readonly grantId: string;
  readonly process: string;
  readonly askedMs: number;
  /** As it was answered. `refused`, `lost`: it was told that nothing was written. */
  answer?: "done" | "refused" | "lost" | "unknown";
  /** When it took effect, as etcd saw it; more than once is wrong. */
  readonly effects: { readonly atMs: number; readonly step: number }[];
}

/** Anything else that a client asked. */
export interface Question {
  readonly what: string;
  readonly process: string;
  readonly askedMs: number;
  /** For how long its process had run until then. */
  readonly askedRunMs: number;
  answeredMs?: number;
  answeredRunMs?: number;
  died?: boolean;
}

/** One answer that said that a grant is held. */
export interface Claim {
  readonly atMs: number;
  /** Until when it promised that nobody else is granted the lock. */
  readonly untilMs: number;
  readonly guaranteedForMs: number;
  readonly expiresInMs: number | undefined;
  /** The grant's ttl as the answer told it; absent with `hold: session`. */
  readonly ttlMs: number | undefined;
  /** For how long it had been held, on its sidecar's clock. */
  readonly heldMs: number;
  /** What its sidecar's session said of its own deadline at the same moment; undefined: no such session. */
  readonly deadlineInMs: number | undefined;
  /** When the lease of its contender would end without another keepalive; undefined: there was no such contender. */
  readonly leaseEndsMs: number | undefined;
  /** All contenders of the lock, first come first. */
  readonly contenders: readonly string[];
}

export interface Granted extends Demand {
  /** As the pool was; of a semaphore the most permits that were in force since the oldest grant beside it. */
  readonly sharing: Sharing;
  /** Of a semaphore: the most permits that were in force since the look that let it in was sent. Absent: not known. */
  readonly permitsThen?: number;
  /** Since when none before its place excludes it. Absent: not known. */
  readonly mayHoldMs?: number | undefined;
  /** Of a set each lock has one of these, all with its id. */
  readonly id: string;
  /** Of a set: how many locks it has. */
  readonly ofSet?: number | undefined;
  readonly lock: string;
  readonly process: string;
  /** The key of its place in etcd. */
  readonly contender: string;
  readonly handovers: number;
  readonly fence: bigint;
  readonly attempt: number;
  readonly atMs: number;
  /** The same on its sidecar's monotonic clock. */
  readonly atInstant: number;
  readonly step: number;
  readonly maxHoldMs: number | undefined;
  /** Since when places of other sessions stood behind it in etcd; undefined: none did. */
  readonly othersSinceMs: number | undefined;
  readonly handover: { readonly maxCount: number; readonly maxHoldMs: number };
  /** For how long after its loss nobody is granted the lock, as its marker says. Absent: it has none. */
  lockDelayMs?: number | undefined;
  readonly claims: Claim[];
  /** When whoever listens to it was told of its end. */
  toldMs?: number;
  /** When its client was told that it is released. */
  freedStep?: number;
  /** When its client sent the release. */
  releasedMs?: number;
  readonly holder: string;
  /**
   * Etcd was wiped under its contender at once, with no time for guarantees to run out. `guarantees`: it was given before,
   * and only its fence is judged; `all`: given after that, in ignorance.
   */
  waived?: "guarantees" | "all";
}

export interface Violation {
  readonly rule: string;
  readonly what: string;
  readonly atMs?: number | undefined;
}

export function locksOf({ lock, locks }: Attempt): readonly string[] {
  return locks ?? [lock];
}

export class History {
  readonly attempts: Attempt[] = [];
  readonly grants: Granted[] = [];
  readonly questions: Question[] = [];
  readonly guarded: Map<string, GuardedWrite> = new Map<string, GuardedWrite>();
  readonly places: PlaceMade[] = [];
  readonly drains: { readonly process: string; readonly tookMs: number }[] = [];
  /** What was seen to be wrong on the spot. */
  readonly violations: Violation[] = [];
  /** As contenders were made; those of a mutex need none. */
  readonly demands: Map<string, Demand> = new Map<string, Demand>();
  readonly #grantsById = new Map<string, Granted[]>();

  /** Of a set: of its first lock. */
  grant(id: string): Granted | undefined {
    return this.#grantsById.get(id)?.[0];
  }

  grantsOf(id: string): readonly Granted[] {
    return this.#grantsById.get(id) ?? [];
  }

  /** The client of these grants lets go of them now, whether the sidecar hears of it or not. */
  letGo(atMs: number, which: (grant: Granted) => boolean): void {
    for (const grant of this.grants) if (which(grant)) grant.releasedMs ??= atMs;
  }

  add(grant: Granted): void {
    this.grants.push(grant);
    this.#grantsById.set(grant.id, [...this.grantsOf(grant.id), grant]);
  }

  violated(rule: string, what: string, atMs?: number): void {
    this.violations.push({ rule, what, atMs });
  }
}
