/**
 * Locks as callers ask for them: the front of this folder. Requests are checked against the pool's rules here; who gets what
 * is decided by cohorts; what may still be said about a grant by the grant itself, at the moment of the answer.
 */
import { aborted, after, sleep } from "../runtime.ts";
import { Refusal } from "../refusal.ts";
import { Tasks } from "../tasks.ts";
import type { Wait } from "../store.ts";
import { decodeJson, textOf } from "../json.ts";
import { aboutOf, sessionKey } from "../session/keys.ts";
import type { Session } from "../session/session.ts";
import type { Cohort } from "./cohort.ts";
import type { Counters } from "./counters.ts";
import type { Freed } from "./grant.ts";
import { Grants, type LeftPlace } from "./grants.ts";
import { Deadlocks, type Deadlock, type OwnStander } from "./deadlocks.ts";
import { checkRequest, checkTtl } from "./demands.ts";
import { lockOf } from "./keys.ts";
import { deleteNote } from "./notes.ts";
import { Pool, type PoolParts } from "./pool.ts";
import { rulesNow, rulesServed } from "./rules.ts";
import { Sets } from "./sets.ts";
import { viewLock, viewPool, type ViewParts } from "./view.ts";
import type {
  Acquired,
  AcquireRequest,
  GrantEnd,
  GrantView,
  ListPool,
  LockView,
  PoolView,
} from "./views.ts";

const answerMs = 5_000;
/** Callers that wait, and grants that are held, in this process. */
const callersMax = 50_000;

export interface LocksParts extends Omit<PoolParts, "tasks" | "grants"> {
  readonly onBug: (name: string, error: unknown) => void;
}

export interface DrainWait extends Wait {
  /** Whoever was told anything is gone. */
  readonly callersEnded: boolean;
}

export class Locks {
  readonly #parts: LocksParts;
  readonly #tasks: Tasks;
  readonly #grants: Grants;
  readonly #pools = new Map<string, Pool>();
  readonly #sets: Sets;
  readonly #deadlocks: Deadlocks;
  #callers = 0;
  readonly #stopping = new AbortController();
  #draining: Refusal | undefined;

  static start(parts: LocksParts): Locks {
    return new Locks(parts);
  }

  private constructor(parts: LocksParts) {
    this.#parts = parts;
    this.#grants = new Grants(parts.runtime);
    this.#tasks = new Tasks((name, error) => {
      parts.onBug(`locks: ${name}`, error);
    });
    const own = { tasks: this.#tasks, grants: this.#grants };
    this.#sets = new Sets({ ...parts, ...own, pool: (name) => this.#poolFor(name) });
    this.#deadlocks = new Deadlocks({
      ...{ ...parts, tasks: this.#tasks },
      standers: () => this.cohorts(),
      counters: (name) => this.#pools.get(name)?.counters,
    });
    this.#tasks.run("following sessions", (signal) => this.#followSessions(signal));
  }

  /**
   * @param caller aborts when the caller goes away. Undefined: a grant that then comes too late is told undelivered.
   * @throws Refusal what cannot be asked, or not now; the signal's reason
   */
  async acquire(asked: AcquireRequest, caller: AbortSignal | undefined): Promise<Acquired> {
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
    this.#callers += 1;
    try {
      const acquired = await this.#join(request, caller);
      if (acquired.kind !== "granted") this.#countTimedOut(request);
      return acquired;
    } finally {
      this.#callers -= 1;
    }
  }

  #countTimedOut(request: AcquireRequest): void {
    for (const { pool } of request.locks ?? [request]) {
      const counters = this.#pools.get(pool)?.counters;
      if (counters !== undefined) counters.timedOut += 1;
    }
  }

  #join(request: AcquireRequest, caller: AbortSignal | undefined): Promise<Acquired> {
    if (request.owner !== undefined && request.waitMs > 0) this.#deadlocks.ownerWaits();
    const { locks } = request;
    if (locks !== undefined) return this.#sets.join(request, locks, caller);
    const { namespace, mirror } = this.#parts;
    const rules = rulesServed(mirror, request.pool);
    const pool = this.#poolFor(request.pool);
    const { cohort, isNew } = pool.cohortFor(lockOf(namespace, request), rules, request);
    const answer = cohort.join(request, rules, caller);
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
    if (request.hold === "session" && ttlMs !== undefined) {
      throw new Refusal("malformed", "ttl: a grant with hold 'session' has none; leave it out.", {
        field: "ttl",
      });
    }
    for (const { pool } of request.locks ?? [request]) {
      const rules = rulesNow(this.#parts.mirror, pool);
      if (rules !== undefined && ttlMs !== undefined) checkTtl(ttlMs, pool, rules);
    }
    return grant.renew(ttlMs ?? grant.ttlMs);
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

  /** Releases what an earlier life of an app held under this name. `unknown`: some removal is not confirmed yet. */
  async releaseByHolder(
    holder: string,
  ): Promise<{ readonly released: number; readonly freed: Freed }> {
    const mine = [...this.#grants].filter(
      (grant) => grant.isLive() && grant.terms.holder === holder,
    );
    for (const grant of mine) grant.over("released");
    const freed = await Promise.all(mine.map((grant) => grant.freed));
    return {
      released: mine.length,
      freed: freed.includes("unknown") ? "unknown" : "released",
    };
  }

  look(pool: string, name: string): Promise<LockView> {
    this.#parts.mirror.pool(pool);
    return viewLock(this.#viewParts(), { pool, name }, this.#tasks.signal);
  }

  deadlocks(): Promise<readonly Deadlock[]> {
    return this.#deadlocks.list(this.#tasks.signal);
  }

  list(query: ListPool): Promise<PoolView> {
    this.#parts.mirror.pool(query.pool);
    return viewPool(this.#viewParts(), query, this.#tasks.signal);
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
      for (const [other, { isIdle }] of this.#pools) {
        if (isIdle && this.#parts.mirror.record("DistributedLock", other) === undefined)
          this.#pools.delete(other);
      }
      pool = new Pool({ ...this.#parts, tasks: this.#tasks, grants: this.#grants }, name);
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
    return end === undefined || end.why === "undelivered"
      ? undefined
      : refuseLost(id, end.why, end.at);
  }

  /** Why there is no such live grant here. A grantId names its session. */
  async #whyNot(grantId: string): Promise<Refusal> {
    const end = this.#grants.any(grantId)?.end ?? this.#grants.over(grantId);
    if (end !== undefined) return lost(grantId, end.why, end.at);
    const parts = /^([0-9a-f]{20})-(\d{10})-\d{1,5}$/.exec(grantId);
    const { sessions, store, runtime, namespace, pod } = this.#parts;
    const [, session, counted] = parts ?? [];
    if (session === undefined || counted === undefined) {
      return new Refusal(
        "grant_not_found",
        `There is no grant '${grantId.slice(0, 100)}': not an id that a sidecar gives.`,
        { grantId },
      );
    }
    if (sessions.isEnded(session)) return lost(grantId, "sessionLost");
    const { current } = sessions;
    if (current?.id === session) {
      return current.gave(counted)
        ? new Refusal(
            "grant_lost",
            `Grant '${grantId}' is over: it ended some time ago, and how is no longer known.`,
            { grantId },
          )
        : new Refusal("grant_not_found", `There is no grant '${grantId}' and never was.`, {
            grantId,
          });
    }
    const wait = { signal: this.#tasks.signal, deadline: after(runtime.now(), answerMs) };
    const read = await store.read([{ key: sessionKey(namespace, session) }], wait);
    if (read.kind !== "done") {
      return new Refusal(
        "backend_unreachable",
        `Grant '${grantId}' is of another session than this sidecar's, and etcd did not answer whether that one lives. Retry.`,
      );
    }
    const there = read.value.ranges[0]?.keys[0];
    if (there !== undefined && textOf(decodeJson(there.value)?.["pod"]) !== pod) {
      return new Refusal(
        "grant_not_found",
        `Grant '${grantId}' was given by another sidecar, which lives; ask that one.`,
        { grantId },
      );
    }
    return lost(grantId, "sessionLost");
  }

  #viewParts(): ViewParts {
    const { runtime, store, namespace, pod, mirror } = this.#parts;
    return {
      runtime,
      store,
      namespace,
      pod,
      standers: (lock) =>
        this.#pools.get(lock.pool)?.standersOf(lockOf(namespace, lock).path) ?? [],
      sharing: (name) => rulesNow(mirror, name)?.sharing,
    };
  }

  async #followSessions(signal: AbortSignal): Promise<void> {
    const { sessions } = this.#parts;
    for (;;) {
      const session = await sessions.live(signal);
      const ended = () => {
        for (const cohort of this.#cohorts()) cohort.sessionEnded(session);
        this.#sets.sessionEnded(session);
      };
      session.ended.addEventListener("abort", ended, { once: true });
      if (session.ended.aborted) ended();
      this.#tasks.run("reading the inbox", () => this.#readInbox(session, signal));
      await aborted(AbortSignal.any([signal, session.ended]));
      signal.throwIfAborted();
    }
  }

  /** Until the session ends. */
  async #readInbox(session: Session, signal: AbortSignal): Promise<void> {
    try {
      await this.#followInbox(session, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      this.#parts.runtime.log.warn("the inbox cannot be read", { error });
      session.end("its inbox cannot be read");
    }
  }

  async #followInbox(session: Session, signal: AbortSignal): Promise<void> {
    const { store } = this.#parts;
    const either = AbortSignal.any([signal, session.ended]);
    let from = session.epoch;
    while (!either.aborted) {
      for await (const changes of store.watch(session.inbox, from, either)) {
        if (changes.kind === "gap") {
          // Notes that are lost cost fairness until their senders look again.
          from = (changes.compacted + 1n) as typeof from;
        } else if (changes.kind === "changes") {
          const notes = changes.events.flatMap((event) =>
            event.kind === "put" ? [event.now] : [],
          );
          for (const { key } of notes) this.#noted(aboutOf(key, session.inbox));
          await Promise.all(notes.map((note) => deleteNote(store, note)));
        }
      }
    }
    signal.throwIfAborted();
  }

  #noted(about: string | undefined): void {
    const pool = this.#pools.get(about?.split("/")[0] ?? "");
    if (about === undefined || pool === undefined) return;
    for (const cohort of pool.cohortsOf(about)) cohort.noted();
  }
}

const ends: Readonly<Record<GrantEnd, string>> = {
  released: "it was released",
  expired: "its ttl ended without a renewal",
  maxHold: "it was held for as long as the pool allows (spec.maxHold)",
  drained: "its sidecar is shutting down",
  sessionLost: "the sidecar's session with etcd ended",
  undelivered: "its answer could not be delivered, so it was given back",
};

function lost(grantId: string, why: GrantEnd, at?: number): Refusal {
  return new Refusal(
    "grant_lost",
    `Grant '${grantId}' is over: ${ends[why]}. Stop what it guarded, and acquire again.`,
    {
      grantId,
      why,
      ...(at === undefined ? {} : { endedAt: at }),
    },
  );
}

function refuseLost(grantId: string, why: GrantEnd, at: number | undefined): never {
  throw lost(grantId, why, at);
}
