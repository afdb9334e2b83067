/**
 * Locks as callers ask for them: the front of this folder. Requests are checked against the pool's rules here; who gets what
 * is decided by cohorts; what may still be said about a grant by the grant itself, at the moment of the answer.
 */
import { aborted, after, sleep } from "../runtime.ts";
import { Refusal } from "../refusal.ts";
import type { Outcome } from "../outcome.ts";
import { Tasks } from "../tasks.ts";
import type { KeyValue, Wait, WriteResult } from "../store.ts";
import type { Session } from "../session/session.ts";
import type { Stander } from "./around.ts";
import type { Listening } from "./caller.ts";
import type { Cohort } from "./cohort.ts";
import type { Counters } from "./counters.ts";
import type { Freed } from "./grant.ts";
import { Grants, type LeftPlace } from "./grants.ts";
import { Deadlocks, type Deadlock, type OwnStander } from "./deadlocks.ts";
import { checkHasTtl, checkRequest, checkTtl } from "./demands.ts";
import type { GrantObserver, LockObserver, WaitObserver } from "./events.ts";
import { Followings } from "./following.ts";
import { readInbox } from "./inbox.ts";
import { writeGuarded, type GuardedWrite } from "./guarded.ts";
import { lockOf, type LockName } from "./keys.ts";
import { Losses, type Loss } from "./losses.ts";
import type { PoolMarks } from "./marks.ts";
import { Pool, type PoolParts } from "./pool.ts";
import { forceRelease, takeNote } from "./revoke.ts";
import { rulesNow, rulesServed } from "./rules.ts";
import { Sets } from "./sets.ts";
import { sweepMarkers } from "./sweeper.ts";
import { refuseLost, whyNot } from "./why-not.ts";
import { Watching } from "./watching.ts";
import type { Acquired, AcquireRequest, ForceReleased, ForceRequest, GrantView } from "./views.ts";

/** Callers that wait, and grants that are held, in this process. */
const callersMax = 50_000;

export interface LocksParts extends Omit<PoolParts, "tasks" | "grants" | "followings"> {
  /** See {@link RevokeParts}. */
  readonly isAdmin: boolean;
  readonly onBug: (name: string, error: unknown) => void;
}

export interface DrainWait extends Wait {
  /** Whoever was told anything is gone. */
  readonly callersEnded: boolean;
}

export class Locks {
  readonly #parts: LocksParts;
  readonly #tasks: Tasks;
  readonly #losses: Losses;
  readonly #grants: Grants;
  readonly #followings: Followings;
  readonly #watching: Watching;
  readonly #pools = new Map<string, Pool>();
  readonly #sets: Sets;
  readonly #deadlocks: Deadlocks;
  readonly #forcedNotes = { waiting: 0 };
  #callers = 0;
  readonly #stopping = new AbortController();
  #draining: Refusal | undefined;

  static start(parts: LocksParts): Locks {
    return new Locks(parts);
  }

  private constructor(parts: LocksParts) {
    this.#parts = parts;
    this.#losses = new Losses(parts.mirror);
    this.#grants = new Grants(parts.runtime, this.#losses);
    this.#tasks = new Tasks((name, error) => {
      parts.onBug(`locks: ${name}`, error);
    });
    const { runtime, store, mirror } = parts;
    this.#followings = new Followings({ runtime, store, mirror, tasks: this.#tasks });
    this.#watching = new Watching({
      ...{ runtime, mirror, followings: this.#followings },
      cohortsOf: ({ pool, path }) => this.#pools.get(pool)?.cohortsOf(path) ?? [],
    });
    const own = { tasks: this.#tasks, grants: this.#grants, followings: this.#followings };
    this.#sets = new Sets({ ...parts, ...own, pool: (name) => this.#poolFor(name) });
    this.#deadlocks = new Deadlocks({
      ...{ ...parts, tasks: this.#tasks },
      standers: () => this.cohorts(),
      counters: (name) => this.#pools.get(name)?.counters,
    });
    this.#tasks.run("following sessions", (signal) => this.#followSessions(signal));
    const expects = () =>
      [...this.#pools.values()].some(({ marks }) => marks.expects(runtime.now()));
    this.#tasks.run("sweeping markers", (signal) => sweepMarkers({ ...parts, expects }, signal));
  }

  /**
   * @param caller aborts when the caller goes away. Undefined: a grant that then comes too late is told undelivered.
   * @param observer told of the place in the queue, where there is a wait
   * @throws Refusal what cannot be asked, or not now; the signal's reason
   */
  async acquire(
    asked: AcquireRequest,
    caller: AbortSignal | undefined,
    observer?: WaitObserver,
  ): Promise<Acquired> {
    const { mirror } = this.#parts;
    const mayWait = mirror.isReadAgain && asked.waitMs > 0;
    const request = mayWait ? await this.#onceRead(asked, caller) : asked;
    if (this.#draining !== undefined) throw this.#draining;
    checkRequest(mirror, request);
    const again = this.#repeated(request);
    if (again !== undefined) return { kind: "granted", grant: again };
    if (this.#callers + this.#grants.size >= callersMax) {
      throw new Refusal(
        "too_many_requests",
        `This sidecar has ${String(callersMax)} callers and grants, its bound. Retry later.`,
      );
    }
    const { listening, unlisten } = this.#listening(request, caller, observer);
    this.#callers += 1;
    try {
      const acquired = await this.#join(request, listening);
      if (acquired.kind !== "granted") this.#countTimedOut(request);
      return acquired;
    } finally {
      this.#callers -= 1;
      unlisten();
    }
  }

  #countTimedOut(request: AcquireRequest): void {
    for (const { pool } of request.locks ?? [request]) {
      const counters = this.#pools.get(pool)?.counters;
      if (counters !== undefined) counters.timedOut += 1;
    }
  }

  /** Who wants to hear of its place listens from when it has to wait. Of a set's places nothing is told. */
  #listening(
    request: AcquireRequest,
    caller: AbortSignal | undefined,
    observer: WaitObserver | undefined,
  ): { readonly listening: Listening; readonly unlisten: () => void } {
    let unlisten: (() => void) | undefined;
    const end = (): void => unlisten?.();
    if (observer === undefined || request.locks !== undefined)
      return { listening: { caller }, unlisten: end };
    const lock = lockOf(this.#parts.namespace, request);
    const waits = (): void => {
      unlisten ??= this.#watching.listen(lock);
    };
    return { listening: { caller, observer, waits }, unlisten: end };
  }

  #join(request: AcquireRequest, listening: Listening): Promise<Acquired> {
    if (request.owner !== undefined && request.waitMs > 0) this.#deadlocks.ownerWaits();
    const { locks } = request;
    if (locks !== undefined) return this.#sets.join(request, locks, listening);
    const { namespace, mirror } = this.#parts;
    const rules = rulesServed(mirror, request.pool);
    const pool = this.#poolFor(request.pool);
    const { cohort, isNew } = pool.cohortFor(lockOf(namespace, request), rules, request);
    const answer = cohort.join(request, rules, listening);
    if (isNew) pool.start(cohort);
    return answer;
  }

  /** Who has time waits until the resources are read again; what is left of the time is for the lock. */
  async #onceRead(
    request: AcquireRequest,
    caller: AbortSignal | undefined,
  ): Promise<AcquireRequest> {
    const { mirror, runtime } = this.#parts;
    const until = after(runtime.now(), request.waitMs);
    const waiting = new AbortController();
    const ends = [this.#stopping.signal, waiting.signal];
    const either = AbortSignal.any(caller === undefined ? ends : [caller, ...ends]);
    const late = runtime.timer(until, () => {
      waiting.abort(new Error("its time is over"));
    });
    try {
      while (mirror.isReadAgain && !either.aborted) await mirror.nextChange(either);
    } finally {
      late.cancel();
    }
    caller?.throwIfAborted();
    return { ...request, waitMs: Math.max(0, until - runtime.now()) };
  }

  /** The answer that told of this grant could not be handed to its socket: it is given back where nobody else was told. */
  undelivered(grantId: string): void {
    this.#grants.any(grantId)?.undelivered();
  }

  /**
   * Tells what becomes of a grant, beginning with what already has. Returns how to end that.
   * @throws Refusal why there is no such grant here
   */
  async observeGrant(grantId: string, observer: GrantObserver): Promise<() => void> {
    const unobserve = this.follow(grantId, observer);
    if (unobserve === undefined) throw await this.#whyNot(grantId);
    return unobserve;
  }

  /** As {@link observeGrant}, in one step. Undefined: there is no such grant here. */
  follow(grantId: string, observer: GrantObserver): (() => void) | undefined {
    this.#grants.live(grantId);
    return this.#grants.any(grantId)?.observe(observer);
  }

  /** A stream that this grant lives by was closed. `slow`: by us, for nobody read it. */
  streamClosed(grantId: string, why: "released" | "slow"): void {
    this.#grants.any(grantId)?.streamClosed(why);
  }

  /**
   * Tells who holds a lock, and each change of it. Returns how to end that.
   * @throws Refusal where there is no such pool
   */
  observe({ pool, name }: LockName, observer: LockObserver): () => void {
    this.#parts.mirror.pool(pool);
    return this.#watching.observe(lockOf(this.#parts.namespace, { pool, name }), observer);
  }

  async grant(grantId: string): Promise<GrantView> {
    // Looked at and shown in one step: a release may be in the same packet.
    const grant = this.#grants.live(grantId);
    if (grant === undefined) throw await this.#whyNot(grantId);
    return grant.view();
  }

  /** @param ttlMs absent: as before */
  async renew(grantId: string, ttlMs?: number): Promise<GrantView> {
    const grant = this.#grants.live(grantId);
    if (grant === undefined) throw await this.#whyNot(grantId);
    const { request } = grant.terms;
    if (ttlMs !== undefined) checkHasTtl(request.hold);
    for (const { pool } of request.locks ?? [request]) {
      const rules = rulesNow(this.#parts.mirror, pool);
      if (rules !== undefined && ttlMs !== undefined) checkTtl(ttlMs, pool, rules);
    }
    return grant.renew(ttlMs ?? grant.ttlMs);
  }

  /**
   * One write that takes effect only while the grant's place stands: see {@link file://./guarded.ts}.
   * @throws Refusal nothing was written
   */
  async writeGuarded(grantId: string, write: GuardedWrite): Promise<Outcome<WriteResult>> {
    const grant = this.#grants.live(grantId);
    if (grant === undefined) throw await this.#whyNot(grantId);
    const guarded = await writeGuarded(this.#parts.store, grant, write);
    if (guarded.kind !== "lost") return guarded;
    const { lock, request } = grant.terms;
    if (guarded.isGone)
      for (const one of (request.locks ?? [lock]).flatMap((each) => [...this.standersOf(each)]))
        if (one.grants.includes(grant)) one.broken();
    throw await this.#whyNot(grantId);
  }

  /** `unknown`: its removal is not confirmed, and is repeated until it is. */
  async release(grantId: string): Promise<Freed> {
    const live = this.#grants.live(grantId);
    if (live !== undefined) {
      live.over("released");
      return live.freed;
    }
    const waiting = this.#grants.any(grantId);
    if (waiting?.end?.why === "released") return waiting.freed;
    const over = this.#grants.over(grantId);
    if (over?.why !== "released") throw await this.#whyNot(grantId);
    return over.left !== undefined && this.#mayStand(over.left) ? "unknown" : "released";
  }

  /** Whether a place whose removal was not confirmed may still be there; of a session that ended it goes with the lease. */
  #mayStand({ session, keys }: LeftPlace): boolean {
    if (!session.ended.aborted) return keys.some((key) => session.intents.has(key));
    return this.#parts.runtime.now() < session.goneBy;
  }

  /** Releases what an earlier life of an app held under this name; what it lost is forgiven. `unknown`: some removal is not confirmed yet. */
  async releaseByHolder(
    holder: string,
  ): Promise<{ readonly released: number; readonly freed: Freed }> {
    const mine = [...this.#grants].filter(
      (grant) => grant.isLive() && grant.terms.holder === holder,
    );
    for (const grant of mine) grant.over("released");
    this.#losses.forgive(holder);
    const freed = await Promise.all(mine.map((grant) => grant.freed));
    return {
      released: mine.length,
      freed: freed.includes("unknown") ? "unknown" : "released",
    };
  }

  deadlocks(): Promise<readonly Deadlock[]> {
    return this.#deadlocks.list(this.#tasks.signal);
  }

  /**
   * Waits no longer than its caller does: what was asked for then goes on without it.
   * @throws Refusal where this pod may not, or it cannot be done
   */
  async forceRelease(request: ForceRequest, caller?: AbortSignal): Promise<ForceReleased> {
    if (this.#draining !== undefined) throw this.#draining;
    const { namespace, mirror } = this.#parts;
    mirror.pool(request.pool);
    const { counters } = this.#poolFor(request.pool);
    const { signal: ending } = this.#tasks;
    const signal = caller === undefined ? ending : AbortSignal.any([ending, caller]);
    const own = { tasks: this.#tasks, followings: this.#followings, notes: this.#forcedNotes };
    const parts = { ...this.#parts, ...own, counters, signal };
    try {
      return await forceRelease(parts, lockOf(namespace, request), request);
    } catch (error) {
      // Closed meanwhile.
      throw this.#tasks.signal.aborted ? (this.#draining ?? error) : error;
    }
  }

  /** What keeps this pod from being ready; undefined: nothing. */
  loss(): Loss | undefined {
    return this.#losses.first();
  }

  counters(): ReadonlyMap<string, Readonly<Counters>> {
    return new Map([...this.#pools].map(([name, { counters }]) => [name, counters]));
  }

  /**
   * Ends all waits, lets go of every place that promises nothing, and waits for that. Returns whether grants are left whose
   * guarantees still run: those are left to the lease. Where the callers have ended, nothing is promised to anybody.
   */
  async drain(wait: DrainWait): Promise<boolean> {
    const draining = (this.#draining ??= new Refusal(
      "draining",
      "This sidecar is shutting down. Nothing was done. Retry at its successor.",
    ));
    this.#stopping.abort(draining);
    const { runtime } = this.#parts;
    const { callersEnded } = wait;
    for (const grant of this.#grants) {
      if (callersEnded) grant.callerIsGone();
      else if (grant.statedUntil <= runtime.now()) grant.over("drained");
    }
    const leaving = [...this.#pools.values(), this.#sets].map((each) =>
      each.drain(draining, callersEnded),
    );
    const waiting = new AbortController();
    const either = AbortSignal.any([wait.signal, waiting.signal]);
    const late = sleep(runtime, Math.max(0, wait.deadline - runtime.now()), either);
    await Promise.race([Promise.all(leaving), late]).finally(() => {
      waiting.abort(new Error("no longer waited for"));
    });
    return [...this.cohorts()].length > 0;
  }

  /** What is left to the lease is over for its callers: nobody here will confirm it any more. */
  leave(): void {
    for (const grant of this.#grants) grant.over("drained");
  }

  async close(): Promise<void> {
    this.#draining ??= new Refusal("draining", "This sidecar is shutting down.");
    this.#stopping.abort(this.#draining);
    for (const cohort of this.#cohorts()) cohort.close(this.#draining);
    this.#sets.close(this.#draining);
    await this.#tasks.close();
  }

  /** For whom somebody waits or holds: cohorts, and members of sets. */
  *cohorts(): Iterable<OwnStander> {
    yield* this.#cohorts();
    yield* this.#sets.members();
  }

  *#cohorts(): Iterable<Cohort> {
    for (const pool of this.#pools.values()) yield* pool.cohorts();
  }

  #poolFor(name: string): Pool {
    let pool = this.#pools.get(name);
    if (pool === undefined) {
      for (const [other, { isOver }] of this.#pools) {
        if (isOver && this.#parts.mirror.record("DistributedLock", other) === undefined)
          this.#pools.delete(other);
      }
      pool = new Pool(
        {
          ...this.#parts,
          ...{ tasks: this.#tasks, grants: this.#grants, followings: this.#followings },
        },
        name,
      );
      this.#pools.set(name, pool);
    }
    return pool;
  }

  /** The same requestId, from the same pod, for the same lock: the same grant, while it lives. */
  #repeated(request: AcquireRequest): GrantView | undefined {
    const id = this.#grants.forRequest(request);
    if (id === undefined) return undefined;
    const live = this.#grants.live(id);
    if (live !== undefined) return live.delivered();
    const end = this.#grants.any(id)?.end ?? this.#grants.over(id);
    return end === undefined || end.why === "undelivered" ? undefined : refuseLost(id, end);
  }

  #whyNot(grantId: string): Promise<Refusal> {
    const { signal } = this.#tasks;
    return whyNot({ ...this.#parts, grants: this.#grants, signal }, grantId);
  }

  /** Those of one lock, members of sets too. */
  standersOf(lock: LockName): Iterable<Stander> {
    const { path } = lockOf(this.#parts.namespace, lock);
    return this.#pools.get(lock.pool)?.standersOf(path) ?? [];
  }

  /** What this process knows of the markers of a pool: whoever looks counts a delay as those do who wait. */
  marksOf(pool: string): PoolMarks {
    return this.#poolFor(pool).marks;
  }

  async #followSessions(signal: AbortSignal): Promise<void> {
    const { sessions } = this.#parts;
    for (;;) {
      const session = await sessions.live(signal);
      const ended = () => {
        for (const cohort of this.#cohorts()) cohort.sessionEnded(session);
        this.#sets.sessionEnded(session);
        this.#followings.doubt();
      };
      session.ended.addEventListener("abort", ended, { once: true });
      if (session.ended.aborted) ended();
      session.observedBy({
        moved: (inJeopardy) => {
          if (inJeopardy) this.#followings.doubt();
          for (const grant of this.#grants)
            if (grant.terms.session === session) grant.sessionMoved(inJeopardy);
        },
      });
      this.#tasks.run("reading the inbox", () => this.#readInbox(session, signal));
      await aborted(AbortSignal.any([signal, session.ended]));
      signal.throwIfAborted();
    }
  }

  #readInbox(session: Session, signal: AbortSignal): Promise<void> {
    const { runtime, store } = this.#parts;
    const noted = (about: string, note: KeyValue): void => {
      this.#noted(about, note);
    };
    return readInbox({ runtime, store, session, noted }, signal);
  }

  /** About a lock: somebody waits there. About a lock and more: somebody asks for it. */
  #noted(about: string, note: KeyValue): void {
    const [pool = "", name = "", more] = about.split("/");
    const there = this.#pools.get(pool);
    const path = `${pool}/${name}`;
    if (more !== undefined) takeNote(note, [...(there?.standersOf(path) ?? [])]);
    else for (const cohort of there?.cohortsOf(path) ?? []) cohort.noted();
  }
}
