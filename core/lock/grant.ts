/**
 * One caller's hold of a lock.
 *
 *   live ──release──▶ over, passed at once
 *     ├──ttl or maxHold ran out, revoked, its stream closed by us──▶ over for its caller, passed when the last stated
 *     │                                                              guarantee has run out
 *     ├──its answer never reached a socket──▶ over, passed at once: nobody was told anything
 *     ├──its place was deleted by somebody──▶ over; nothing is passed on
 *     └──its session ended──▶ over; nothing is passed on: the place in etcd goes with the lease
 *
 * `passed`: from here on somebody else may hold the lock. The one rule for every end: not before the last `guaranteedFor`
 * that was stated has run out, unless the caller released it. No stated guarantee ends after the session's deadline.
 *
 * Its observers are told of the end in the step in which it is over for its caller, and so before it is passed.
 */
import { after, forever, type Epoch, type Instant, type Runtime, type Timer } from "../runtime.ts";
import { assert } from "../refusal.ts";
import type { Session } from "../session/session.ts";
import type { Key, Revision } from "../store.ts";
import type { GrantEvent, GrantObserver } from "./events.ts";
import type { Guards } from "./guards.ts";
import type { LockName } from "./keys.ts";
import type { AcquireRequest, GrantEnd, GrantView } from "./views.ts";

export interface GrantTerms {
  readonly id: string;
  /** Of the place that it was made on, in its session. */
  readonly number: number;
  /** How often that place was handed over before. */
  readonly handovers: number;
  /** Of the place; of a set, of each. */
  readonly keys: readonly Key[];
  /** The create revision of each. */
  readonly created: Revision;
  readonly lock: LockName;
  readonly session: Session;
  readonly fence: bigint;
  readonly request: AcquireRequest;
  readonly holder: string;
  /** Of a grant with `hold: ttl`. */
  readonly ttlMs: number;
  readonly maxHoldMs: number | undefined;
  /** Of the pool, when it was granted. */
  readonly onLoss: "Notify" | "Unready";
}

export type Freed = "released" | "unknown";

/** Whose caller may still have been promised something: these last until that has run out. */
const lasting: ReadonlySet<GrantEnd> = new Set([
  "expired",
  "maxHold",
  "drained",
  "revoked",
  "slow",
]);

/** Who asks for the lock of a grant, and how long its caller has to release it. */
export interface Revocation {
  readonly by: string;
  readonly graceMs: number;
}

/** Who remembers grants. */
export interface GrantKeeper {
  /** It is over for its caller. */
  overForCaller(grant: Grant): void;
  /** Its place is gone, or it is not known whether. */
  ended(grant: Grant, freed: Freed): void;
}

export class Grant {
  readonly terms: GrantTerms;
  readonly acquiredAt: Epoch;
  /** Absent: it has guarded nothing. */
  guards: Guards | undefined;
  readonly #runtime: Runtime;
  readonly #keeper: GrantKeeper;
  readonly #passed = Promise.withResolvers<GrantEnd>();
  readonly #freed = Promise.withResolvers<Freed>();
  /** The end by maxHold, or because it was revoked, whichever comes first. */
  #lastMoment: Instant;
  #lastWhy: "maxHold" | "revoked" = "maxHold";
  #revoked: { readonly by: string; readonly at: Instant } | undefined;
  #observers: Set<GrantObserver> | undefined;
  #ttlMs: number;
  #expiresAt: Instant;
  #statedUntil: Instant;
  #timer: Timer | undefined;
  #end: { readonly why: GrantEnd; readonly at: Epoch } | undefined;
  #deliveries = 0;
  #isFreed = false;
  #callerIsGone = false;

  constructor(runtime: Runtime, keeper: GrantKeeper, terms: GrantTerms) {
    this.#runtime = runtime;
    this.#keeper = keeper;
    this.terms = terms;
    this.acquiredAt = runtime.wallNow();
    const now = runtime.now();
    this.#statedUntil = now;
    this.#ttlMs = terms.ttlMs;
    this.#lastMoment = terms.maxHoldMs === undefined ? forever : after(now, terms.maxHoldMs);
    this.#expiresAt = this.#expiryFrom(now);
    this.#setTimer();
  }

  /** Resolves when somebody else may hold the lock, with why the grant ended. */
  get passed(): Promise<GrantEnd> {
    return this.#passed.promise;
  }

  /** Resolves when the release is confirmed, or known not to be known. */
  get freed(): Promise<Freed> {
    return this.#freed.promise;
  }

  get ttlMs(): number {
    return this.#ttlMs;
  }

  get end(): { readonly why: GrantEnd; readonly at: Epoch } | undefined {
    return this.#end;
  }

  /** Its caller let go of it, or was never told, or is gone: nothing of it is on its way any more. */
  get endedCleanly(): boolean {
    const why = this.#end?.why;
    return why === "released" || why === "undelivered" || this.#callerIsGone;
  }

  /** Whether a write that it guards may still take effect while its place stands. */
  get isGuarding(): boolean {
    return this.guards?.areUnderWay === true;
  }

  /** Until when a guarantee that was stated runs. */
  get statedUntil(): Instant {
    return this.#statedUntil;
  }

  /** Whether the caller may still be told that it holds. To be asked at the moment of the answer. */
  isLive(): boolean {
    if (this.#end === undefined && !this.terms.session.isAlive()) this.over("sessionLost");
    if (this.#end === undefined && this.#runtime.now() >= this.#expiresAt) this.#expire();
    return this.#end === undefined;
  }

  /** What the caller is told; what it states is kept. Only of a live grant. */
  view(): GrantView {
    const { lock, session, fence, request, holder } = this.terms;
    assert(this.#end === undefined, "a grant that is over was shown as held");
    const now = this.#runtime.now();
    const guaranteedForMs = Math.max(
      0,
      Math.floor(Math.min(this.#expiresAt, session.deadline) - now),
    );
    this.#statedUntil = Math.max(this.#statedUntil, after(now, guaranteedForMs)) as Instant;
    const expiresInMs =
      this.#expiresAt === forever ? undefined : Math.max(0, Math.floor(this.#expiresAt - now));
    return {
      grantId: this.terms.id,
      pool: lock.pool,
      name: lock.name,
      ...(request.locks === undefined ? {} : { locks: request.locks }),
      mode: request.mode,
      permits: request.permits,
      fence: fence.toString(),
      hold: request.hold,
      ttlMs: request.hold === "ttl" ? this.#ttlMs : undefined,
      expiresInMs,
      guaranteedForMs,
      acquiredAt: this.acquiredAt,
      holder,
      metadata: request.metadata ?? {},
    };
  }

  /** Tells all that becomes of it, beginning with what already has. Returns how to end that. */
  observe(observer: GrantObserver): () => void {
    if (this.#end !== undefined) {
      observer.told(this.#endEvent(this.#end));
      return () => undefined;
    }
    const { session } = this.terms;
    if (session.inJeopardy) observer.told(this.#jeopardy());
    if (this.#revoked !== undefined) observer.told(this.#revokeRequested(this.#revoked));
    const observers = (this.#observers ??= new Set());
    observers.add(observer);
    return () => {
      observers.delete(observer);
    };
  }

  /** The session's trouble began, or is over. */
  sessionMoved(inJeopardy: boolean): void {
    if (this.#observers === undefined) return;
    this.#tell(inJeopardy ? this.#jeopardy() : { kind: "recovered" });
  }

  /** Over for its caller after the grace; what was stated to it binds until then and beyond. The earliest request counts. */
  revoke({ by, graceMs }: Revocation): void {
    if (this.#end !== undefined) return;
    const at = after(this.#runtime.now(), graceMs);
    if (this.#revoked === undefined || at < this.#revoked.at) {
      this.#revoked = { by, at };
      this.#tell(this.#revokeRequested(this.#revoked));
    }
    if (at < this.#lastMoment) {
      this.#lastMoment = at;
      this.#lastWhy = "revoked";
      this.#expiresAt = Math.min(this.#expiresAt, at) as Instant;
      this.#setTimer();
    }
    this.isLive();
  }

  /** A stream that it lives by was closed: by its caller, then the last one is its release, or by us. */
  streamClosed(why: "released" | "slow"): void {
    this.#deliveries -= 1;
    if (this.#deliveries <= 0) this.over(why);
  }

  /** The answer goes to one more caller. */
  delivered(): GrantView {
    this.#deliveries += 1;
    return this.view();
  }

  /** One of those answers could not be handed to its socket. Returns whether nobody is left who was told. */
  undelivered(): boolean {
    this.#deliveries -= 1;
    if (this.#deliveries > 0 || this.#end !== undefined) return false;
    this.over("undelivered");
    return true;
  }

  renew(ttlMs: number): GrantView {
    assert(this.#end === undefined, "a grant that is over was renewed");
    this.#ttlMs = ttlMs;
    this.#expiresAt = this.#expiryFrom(this.#runtime.now());
    this.#setTimer();
    return this.view();
  }

  /** The grant is over for its caller. Idempotent: the first reason stands. */
  over(why: GrantEnd): void {
    if (this.#end !== undefined) return;
    this.#timer?.cancel();
    this.#end = { why, at: this.#runtime.wallNow() };
    this.#keeper.overForCaller(this);
    this.#tell(this.#endEvent(this.#end));
    this.#observers = undefined;
    const mustLast = lasting.has(why) && this.#runtime.now() < this.#statedUntil;
    if (!mustLast) this.#passed.resolve(why);
    else {
      this.#timer = this.#runtime.timer(this.#statedUntil, () => {
        this.#passed.resolve(why);
      });
    }
  }

  /** Nobody is left to whom anything was promised: it need not last. */
  callerIsGone(): void {
    this.#callerIsGone = true;
    this.over("drained");
    this.#timer?.cancel();
    this.#passed.resolve("drained");
  }

  /** Its place was taken away, and what was stated for it is void. */
  break(): void {
    this.over("broken");
    this.#timer?.cancel();
    this.guards?.giveUp();
    this.#passed.resolve("broken");
  }

  /** The session ended, whatever the grant still waited for. */
  lose(): void {
    this.over("sessionLost");
    this.#timer?.cancel();
    this.guards?.giveUp();
    this.#passed.resolve("sessionLost");
    this.free("unknown");
  }

  /** What became of its place in etcd, or, of one that was handed over, of its turn. The first word stands. */
  free(freed: Freed): void {
    if (this.#isFreed) return;
    this.#isFreed = true;
    this.#keeper.ended(this, freed);
    this.#freed.resolve(freed);
  }

  #expiryFrom(now: Instant): Instant {
    const ttlEnd = this.terms.request.hold === "ttl" ? after(now, this.#ttlMs) : forever;
    return Math.min(ttlEnd, this.#lastMoment) as Instant;
  }

  #setTimer(): void {
    this.#timer?.cancel();
    if (this.#expiresAt === forever) return;
    this.#timer = this.#runtime.timer(this.#expiresAt, () => {
      if (this.#end === undefined) this.#expire();
    });
  }

  #expire(): void {
    this.over(this.#expiresAt === this.#lastMoment ? this.#lastWhy : "expired");
  }

  #tell(event: GrantEvent): void {
    if (this.#observers === undefined) return;
    for (const observer of [...this.#observers]) observer.told(event);
  }

  #jeopardy(): GrantEvent {
    const { inMs, deadline } = this.#until(this.terms.session.deadline);
    return { kind: "jeopardy", inMs, deadline };
  }

  #revokeRequested({ by, at }: { readonly by: string; readonly at: Instant }): GrantEvent {
    return { kind: "revokeRequested", by, ...this.#until(at) };
  }

  #until(at: Instant): { readonly inMs: number; readonly deadline: Epoch } {
    const inMs = Math.max(0, Math.floor(at - this.#runtime.now()));
    return { inMs, deadline: (this.#runtime.wallNow() + inMs) as Epoch };
  }

  #endEvent({ why, at }: { readonly why: GrantEnd; readonly at: Epoch }): GrantEvent {
    if (why === "released") return { kind: "released", at };
    const restMs = why === "broken" ? 0 : Math.floor(this.#statedUntil - this.#runtime.now());
    return { kind: "lost", why, at, guaranteedForMs: Math.max(0, restMs) };
  }
}
