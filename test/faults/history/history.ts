/**
 * Events, told as what the checkers judge: attempts, grants with what was stated for them, looks, faults. Times are in ms
 * from the first event on.
 */
import type { HoldMode, Sharing } from "#core/lock/order.ts";
import type { Event, Shown } from "./event.ts";

export type Outcome = "granted" | "held" | "refused" | "unknown" | "left";

export interface Attempt {
  readonly op: string;
  readonly lock: string;
  readonly sharing: Sharing;
  readonly isSticky: boolean;
  readonly mode: HoldMode;
  readonly permits: number;
  readonly waitMs: number;
  readonly hold: "ttl" | "session" | "connection";
  /** Those of the same set were asked together, all or none. */
  readonly set?: string;
  readonly holder: string;
  readonly work: string;
  readonly by: string;
  readonly pod: string;
  readonly askedMs: number;
  /** It was asked more than once. */
  repeated: boolean;
  outcome?: Outcome;
  /** When its outcome was heard. */
  settledMs?: number;
  code?: string;
  /** In which pod somebody holds it, as it was told. */
  holderPod?: string | undefined;
}

export interface Statement {
  readonly sentMs: number;
  readonly untilMs: number;
}

export interface Grant {
  readonly attempt: Attempt;
  readonly grantId: string;
  readonly fence: bigint;
  /** When its holder heard of it: it had been granted before. */
  readonly atMs: number;
  readonly statements: Statement[];
  lostMs?: number;
  /** When its holder began to give it back. */
  releasingMs?: number;
  /** When that was confirmed. */
  releasedMs?: number;
  /** When its sidecar told that it is over, after its stream was closed; of an app that was killed, when that was. */
  closedMs?: number;
  /** When its sidecar was asked who told that it is over, and had not told that on its open stream. */
  readonly untoldMs: number[];
}

export interface Look {
  readonly lock: string;
  readonly sharing: Sharing;
  readonly pod: string;
  readonly sentMs: number;
  readonly atMs: number;
  readonly holders: readonly Shown[];
  readonly waiters: readonly Shown[];
}

export interface FaultSpan {
  readonly name: string;
  readonly target: string;
  readonly beginsMs: number;
  endsMs: number;
}

/** What is wrong whatever else happened. */
export interface Seen {
  readonly what: string;
  readonly atMs: number;
}

export interface History {
  readonly attempts: readonly Attempt[];
  /** In the order in which their holders heard of them. */
  readonly grants: readonly Grant[];
  readonly looks: readonly Look[];
  readonly faults: readonly FaultSpan[];
  /** Lives of apps that were killed. */
  readonly killed: ReadonlySet<string>;
  readonly wrong: readonly Seen[];
  readonly leftOver: readonly Seen[];
  readonly endMs: number;
  /** To find the lines that show something. */
  readonly events: readonly Event[];
}

export interface PoolRead {
  readonly sharing: Sharing;
  /** A pod may keep a lock that it does not use. */
  readonly isSticky?: boolean;
}

export type Pools = Readonly<Record<string, PoolRead>>;

type Ending = "lost" | "releasing" | "released" | "releaseFailed" | "closed" | "untold";

/** `events`: in the order of time. */
export function historyOf(events: readonly Event[], pools: Pools): History {
  const reading = new Reading(events, pools);
  for (const event of events) reading.take(event);
  return reading.history();
}

/** Until when its holder relied on it: nobody else may have held it between `atMs` and then. Before `atMs`: it never did. */
export function reliedUntilMs({ statements, releasingMs = Infinity }: Grant): number {
  const until = statements
    .filter(({ sentMs }) => sentMs <= releasingMs)
    .map(({ untilMs }) => untilMs);
  return Math.min(releasingMs, Math.max(-Infinity, ...until));
}

/** Its holder heard of it while it was still guaranteed, and so relied on it for a while. */
export function wasReliedOn(grant: Grant): boolean {
  return reliedUntilMs(grant) > grant.atMs;
}

export function byLock<T>(all: readonly T[], lockOf: (one: T) => string): Map<string, T[]> {
  const locks = new Map<string, T[]>();
  for (const one of all) {
    const lock = lockOf(one);
    const of = locks.get(lock);
    if (of === undefined) locks.set(lock, [one]);
    else of.push(one);
  }
  return locks;
}

/** Attempts that were asked together: those of a set, else each by itself. */
export function byRequest(attempts: readonly Attempt[]): Attempt[][] {
  return [...byLock(attempts, ({ op, set = op }) => set).values()];
}

export const lockOfGrant = ({ attempt: { lock } }: Grant): string => lock;

class Reading {
  readonly #startNs: number;
  readonly #pools: Pools;
  readonly #events: readonly Event[];
  readonly #attempts = new Map<string, Attempt>();
  readonly #grants = new Map<string, Grant>();
  readonly #looks: Look[] = [];
  readonly #faults = new Map<number, FaultSpan>();
  readonly #killed = new Map<string, number>();
  readonly #wrong: Seen[] = [];
  readonly #leftOver: Seen[] = [];

  constructor(events: readonly Event[], pools: Pools) {
    this.#events = events;
    this.#startNs = events[0]?.atNs ?? 0;
    this.#pools = pools;
  }

  history(): History {
    this.#closeOfKilled();
    return {
      attempts: [...this.#attempts.values()],
      grants: [...this.#grants.values()],
      looks: this.#looks,
      faults: [...this.#faults.values()],
      killed: new Set(this.#killed.keys()),
      wrong: this.#wrong,
      leftOver: this.#leftOver,
      endMs: this.#ms(this.#events.at(-1)?.atNs ?? 0),
      events: this.#events,
    };
  }

  take(event: Event): void {
    const atMs = this.#ms(event.atNs);
    switch (event.kind) {
      case "asked": {
        const { kind: _kind, atNs: _atNs, ...asked } = event;
        const { sharing, isSticky = false } = this.#pool(event.lock);
        const about = { sharing, isSticky, askedMs: atMs, repeated: false };
        this.#attempts.set(event.op, { ...asked, ...about });
        return;
      }
      case "askedAgain":
        this.#attempt(event.op).repeated = true;
        return;
      case "granted":
        this.#granted(event, atMs);
        return;
      case "held":
      case "refused":
      case "unknown":
      case "left":
        this.#settle(event.op, event.kind, atMs);
        if (event.kind === "refused") this.#attempt(event.op).code = event.code;
        if (event.kind === "held") this.#attempt(event.op).holderPod = event.holderPod;
        return;
      case "stated":
        this.#grants.get(event.op)?.statements.push(this.#statement(event));
        return;
      case "lost":
      case "releasing":
      case "released":
      case "releaseFailed":
      case "closed":
      case "untold":
        this.#ending(event, atMs);
        return;
      case "releasingHolder":
        for (const grant of this.#grants.values())
          if (grant.attempt.holder === event.holder && grant.attempt.pod === event.pod)
            grant.releasingMs ??= atMs;
        return;
      default:
        this.#around(event, atMs);
    }
  }

  #granted(event: Event & { readonly kind: "granted" }, atMs: number): void {
    const attempt = this.#attempt(event.op);
    this.#settle(event.op, "granted", atMs);
    this.#grants.set(event.op, {
      ...{ attempt, grantId: event.grantId, fence: BigInt(event.fence), atMs },
      statements: [this.#statement(event)],
      untoldMs: [],
    });
  }

  #ending(event: Event & { readonly kind: Ending }, atMs: number): void {
    const grant = this.#grants.get(event.op);
    if (grant === undefined) throw new Error(`${event.op} is ${event.kind} and was never granted`);
    if (event.kind === "lost") grant.lostMs ??= atMs;
    if (event.kind === "releasing") grant.releasingMs ??= atMs;
    if (event.kind === "released") grant.releasedMs ??= atMs;
    if (event.kind === "closed") grant.closedMs ??= atMs;
    if (event.kind === "untold") grant.untoldMs.push(this.#ms(event.sentNs));
  }

  /** Connections of an app end with it: it relies on what lived by them no more from when it is about to be killed. */
  #closeOfKilled(): void {
    for (const grant of this.#grants.values()) {
      const killedMs = this.#killed.get(grant.attempt.by);
      if (killedMs === undefined || grant.attempt.hold !== "connection") continue;
      grant.releasingMs ??= killedMs;
      grant.closedMs ??= killedMs;
    }
  }

  /** What is about no attempt. */
  #around(event: Event, atMs: number): void {
    switch (event.kind) {
      case "seen": {
        const { lock, pod, holders, waiters } = event;
        const { sharing } = this.#pool(lock);
        const sentMs = this.#ms(event.sentNs);
        this.#looks.push({ lock, sharing, pod, sentMs, atMs, holders, waiters });
        return;
      }
      case "fault": {
        const { id, name, target, phase } = event;
        const span = this.#faults.get(id);
        if (phase === "begins")
          this.#faults.set(id, { name, target, beginsMs: atMs, endsMs: Infinity });
        else if (span !== undefined) span.endsMs = atMs;
        return;
      }
      case "killing":
        this.#killed.set(event.life, atMs);
        return;
      case "wrong":
        this.#wrong.push({ what: `${event.by}: ${event.what}`, atMs });
        return;
      case "left over":
        this.#leftOver.push({ what: event.what, atMs });
        return;
      default:
    }
  }

  #settle(op: string, outcome: Outcome, atMs: number): void {
    const attempt = this.#attempt(op);
    attempt.outcome ??= outcome;
    attempt.settledMs ??= atMs;
  }

  #attempt(op: string): Attempt {
    const attempt = this.#attempts.get(op);
    if (attempt === undefined) throw new Error(`${op} was never asked`);
    return attempt;
  }

  #statement({
    sentNs,
    guaranteedUntilNs,
  }: {
    sentNs: number;
    guaranteedUntilNs: number;
  }): Statement {
    return { sentMs: this.#ms(sentNs), untilMs: this.#ms(guaranteedUntilNs) };
  }

  #pool(lock: string): PoolRead {
    const pool = this.#pools[lock.split("/")[0] ?? ""];
    if (pool === undefined) throw new Error(`${lock} is of no pool`);
    return pool;
  }

  #ms(atNs: number): number {
    return (atNs - this.#startNs) / 1e6;
  }
}
