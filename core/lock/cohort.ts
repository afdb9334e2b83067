/**
 * All callers of this process for one lock: they stand in one queue in memory and share one contender in etcd.
 *
 *   resting ─▶ connecting (no session) ─▶ entering ─▶ looking ─▶ queued ─▶ holding ─▶ leaving ─▶ resting
 *                                         └─▶ settling (the answer was lost) ─▶ looking, or entering again
 *
 * One loop runs while somebody waits or holds; every step asks again who is still there and whether the session lives. The
 * lock passes from one local caller to the next with no write, only the fence grows. While any place of another session
 * stands behind ours that goes on only within the hand-over budget; then the old place is deleted and a new one taken, in
 * one write. A place whose removal is not confirmed becomes an intent and is never granted on again.
 *
 * A session that ends makes the place void: the grant is lost, the queue goes on under the next session.
 */
import type { Instant, Runtime } from "../runtime.ts";
import { sleep } from "../runtime.ts";
import { assert, Refusal } from "../refusal.ts";
import type { Key, Store } from "../store.ts";
import type { Session } from "../session/session.ts";
import type { Sessions } from "../session/sessions.ts";
import type { SpecMirror } from "../spec/mirror.ts";
import type { ResourceRecord } from "../spec/records.ts";
import { Caller, type Verdict } from "./caller.ts";
import type { ContenderValue } from "./contender.ts";
import type { Counters } from "./counters.ts";
import { enter } from "./enter.ts";
import { fenceOf, handoversMax } from "./fence.ts";
import { Grant, type Freed } from "./grant.ts";
import type { Grants } from "./grants.ts";
import type { LockName } from "./keys.ts";
import { look, waitingIn, type Look } from "./look.ts";
import { leaveNote } from "./notes.ts";
import { standing } from "./order.ts";
import { Place } from "./place.ts";
import { heldBy, noSession, storeRefused, tooManyWait } from "./refusals.ts";
import { rulesOf, type Rules } from "./rules.ts";
import { untilWorthALook } from "./wait.ts";
import type { AcquireRequest, Acquired, HolderView } from "./views.ts";

const pauseMinMs = 20;
const pauseMaxMs = 1_000;

export interface CohortParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly sessions: Sessions;
  readonly mirror: SpecMirror;
  readonly grants: Grants;
  readonly counters: Counters;
  readonly namespace: string;
  readonly pod: string;
  readonly lock: LockName;
  /** Throws what a caller hears who asks for one grant more than the pod may have. */
  readonly checkGrants: (rules: Rules) => void;
  /** Told when a try found the lock held by another session. */
  readonly sawHeld: () => void;
  /** Whether that was lately so: then a try reads before it writes. */
  readonly wasSeenHeld: () => boolean;
}

type Phase =
  | {
      readonly kind:
        "resting" | "entering" | "looking" | "leaving" | "unseen" | "settling" | "connecting";
    }
  | { readonly kind: "refused"; readonly why: Error }
  | { readonly kind: "queued"; readonly holder: HolderView; readonly waiting: number }
  | { readonly kind: "holding"; readonly grant: Grant };

export class Cohort {
  readonly #parts: CohortParts;
  readonly #callers = new Set<Caller>();
  readonly #byRequest = new Map<string, Caller>();
  #phase: Phase = { kind: "resting" };
  #place: Place | undefined;
  /** An old place that the next entry deletes, and the release that waits for it. */
  #leaving: { readonly place: Place; readonly grant: Grant } | undefined;
  #step: AbortController | undefined;
  #othersWaiting = 0;
  #pauseMs = pauseMinMs;
  #draining = false;

  constructor(parts: CohortParts) {
    this.#parts = parts;
  }

  get place(): Place | undefined {
    return this.#place;
  }

  /** The grant that is live, or whose guarantee still runs. */
  get grant(): Grant | undefined {
    return this.#phase.kind === "holding" ? this.#phase.grant : undefined;
  }

  /** Those that wait, in order; not the holder. */
  callers(): readonly Caller[] {
    return [...this.#callers];
  }

  get idle(): boolean {
    return this.#callers.size === 0 && this.#place === undefined && this.#leaving === undefined;
  }

  /** A caller's turn, or the end of its wait. The loop ({@link run}) must run, or be started after this. */
  join(request: AcquireRequest, rules: Rules, signal: AbortSignal): Promise<Acquired> {
    const joined =
      request.requestId === undefined ? undefined : this.#byRequest.get(request.requestId);
    if (joined !== undefined) return joined.listen(request.waitMs, signal);
    if (request.waitMs > 0 && this.#waiting() >= rules.limits.waitersPerLock)
      throw tooManyWait(this.#parts.lock, rules);
    const verdict = this.#verdict();
    if (request.waitMs <= 0 && verdict !== undefined)
      return verdict instanceof Error ? Promise.reject(verdict) : Promise.resolve(verdict);
    const { runtime } = this.#parts;
    const caller = new Caller({
      runtime,
      request,
      verdict: () => this.#verdict(),
      left: (left, how) => {
        this.#forget(left);
        if (how === "abandoned") this.#parts.counters.abandoned += 1;
        if (this.#callers.size === 0) this.#step?.abort(nobodyWaits);
      },
    });
    this.#callers.add(caller);
    if (request.requestId !== undefined) this.#byRequest.set(request.requestId, caller);
    const answered = caller.listen(request.waitMs, signal);
    this.#describe();
    return answered;
  }

  /** Somebody left a note: a place of another session stands behind ours. */
  noted(): void {
    this.#place?.noticeOthers();
    this.#othersWaiting = Math.max(1, this.#othersWaiting);
  }

  /** The session is over, and with it the place and the grant that hang on it. */
  sessionEnded(session: Session): void {
    if (this.#leaving?.place.session === session) {
      this.#leaving.grant.lose();
      this.#leaving = undefined;
    }
    if (this.#place?.session !== session) return;
    this.#place = undefined;
    if (this.#phase.kind === "holding") this.#phase.grant.lose();
    this.#step?.abort(nobodyWaits);
  }

  /** The process stops: waits end, and a place that promises nothing is deleted; the loop then ends. */
  drain(refusal: Error): void {
    this.#draining = true;
    for (const caller of this.callers()) this.#end(caller, refusal);
    this.#step?.abort(nobodyWaits);
  }

  /** Until nobody waits or holds. Throws only bugs. */
  async run(): Promise<void> {
    while (this.#callers.size > 0 || this.#leaving !== undefined) {
      try {
        await this.#turn();
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        for (const caller of this.callers()) this.#end(caller, error);
        await this.#leaveOld();
      }
    }
    this.#phase = { kind: "resting" };
  }

  /** One try to get and serve the lock. */
  async #turn(): Promise<void> {
    const { sessions, mirror, lock } = this.#parts;
    const session = sessions.current;
    if (session === undefined) {
      this.#enterPhase({ kind: "connecting" });
      await this.#whileWanted((signal) => sessions.live(signal));
      return;
    }
    const pool = mirror.pool(lock.pool);
    if (await this.#tryFindsItHeld()) return;
    const place = await this.#takePlace(session, pool);
    if (place === undefined) return;
    this.#place = place.place;
    this.#pauseMs = pauseMinMs;
    if (place.alone || (await this.#wait(place.place))) await this.#serve(place.place);
    else await this.#leave(place.place);
    if (this.#place === place.place) this.#place = undefined;
  }

  /** Where all that are here only try, and the lock was lately seen held, they are answered by a read. */
  async #tryFindsItHeld(): Promise<boolean> {
    if (this.#leaving !== undefined || !this.#parts.wasSeenHeld()) return false;
    for (const { trying } of this.#callers) if (!trying) return false;
    this.#enterPhase({ kind: "looking" });
    const seen = await this.#whileWanted((signal) => look(this.#parts, signal));
    const first = seen?.contenders[0];
    if (seen === undefined || first === undefined) return false;
    this.#enterPhase({
      kind: "queued",
      holder: this.#holderOf(first),
      waiting: waitingIn(seen.contenders),
    });
    return true;
  }

  async #takePlace(
    session: Session,
    pool: ResourceRecord,
  ): Promise<{ place: Place; alone: boolean } | undefined> {
    this.#enterPhase({ kind: "entering" });
    const leaving = this.#leaving;
    const entered = await enter(this.#parts, {
      session,
      pool,
      leaving: leaving?.place.key,
      describe: (base) => this.#tellOthers(session, undefined, base),
    });
    if (entered.kind === "placed") {
      if (leaving !== undefined) this.#left(leaving.place, leaving.grant, "released");
      return entered;
    }
    await this.#leaveOld();
    switch (entered.kind) {
      case "again":
        return undefined;
      case "blocked": {
        const why = new Refusal(
          "not_ready",
          "Nothing is granted now: the fence base is not set yet, or etcd began anew. Retry.",
        );
        this.#enterPhase({ kind: "refused", why });
        await this.#whileWanted((signal) => this.#parts.mirror.nextChange(signal));
        return undefined;
      }
      case "refused":
        if (entered.reason.code === "leaseNotFound") session.end("its lease is gone from etcd");
        this.#enterPhase({ kind: "refused", why: storeRefused(entered.reason) });
        await this.#pause();
        return undefined;
      case "unknown": {
        this.#enterPhase({ kind: "settling" });
        const place = await entered.settle();
        if (place === undefined) await this.#pause();
        return place === undefined ? undefined : { place, alone: false };
      }
      default:
        return entered satisfies never;
    }
  }

  /** Until the place holds the lock. False: it does not, and is to be left. */
  async #wait(place: Place): Promise<boolean> {
    const { store, namespace, lock } = this.#parts;
    this.#enterPhase({ kind: "looking" });
    const noted = new Set<string>();
    while (this.#callers.size > 0 && place.session.isAlive()) {
      const seen = await this.#whileWanted((signal) => look(this.#parts, signal, place.created));
      if (seen === undefined) {
        if (this.#callers.size > 0 && this.#place === place) await this.#unseen();
        continue;
      }
      const stands = standing(seen.contenders, place.key);
      if (stands.kind === "gone") return this.#gone(place);
      if (this.#takeIn(place, seen, stands.kind === "holds")) return true;
      if (stands.kind === "waits" && !noted.has(stands.before.session) && this.#callers.size > 0) {
        noted.add(stands.before.session);
        const note = leaveNote({ store, namespace, lock }, place.session, stands.before.session);
        place.notes.add(await note);
      }
      if (this.#callers.size === 0) break;
      const predecessor = stands.kind === "waits" ? stands.before.key : place.key;
      await this.#whileWanted((signal) =>
        untilWorthALook(this.#parts, { key: predecessor, from: next(seen) }, signal),
      );
    }
    return false;
  }

  /** What a look tells: who holds, how many wait, and whether this place may be granted on. */
  #takeIn(place: Place, seen: Look, holds: boolean): boolean {
    const { mirror, lock } = this.#parts;
    const pool = mirror.pool(lock.pool);
    const [first, last] = [seen.contenders[0], seen.contenders.at(-1)];
    assert(
      first !== undefined && last !== undefined,
      "a lock with a contender was seen without any",
    );
    if (last.key !== place.key) place.noticeOthers();
    const others = waitingIn(seen.contenders.filter(({ key }) => key !== place.key));
    this.#othersWaiting = others;
    const { installation } = mirror;
    if (holds && installation !== undefined && mirror.anew === undefined) {
      place.base = installation.base;
      return true;
    }
    if (holds) {
      this.#enterPhase({ kind: "unseen" });
      return false;
    }
    this.#parts.sawHeld();
    const rules = rulesOf(pool.lock ?? unserved());
    if (others >= rules.limits.waitersPerLock) {
      const refusal = tooManyWait(lock, rules);
      for (const caller of this.callers()) if (!caller.trying) this.#end(caller, refusal);
    }
    this.#enterPhase({ kind: "queued", holder: this.#holderOf(first), waiting: others });
    return false;
  }

  async #unseen(): Promise<void> {
    if (this.#phase.kind === "looking") this.#enterPhase({ kind: "unseen" });
    await this.#pause();
  }

  /** The place is not in etcd any more although nobody here removed it. */
  #gone(place: Place): false {
    place.session.forget(place.key);
    this.#parts.runtime.log.warn("a place in a lock's queue is gone; a new one is taken", {
      ...this.#parts.lock,
    });
    return false;
  }

  /** Grants to one local caller after the other, as long as this place may be granted on. */
  async #serve(place: Place): Promise<void> {
    let last: Grant | undefined;
    while (place.session.isAlive() && this.#place === place) {
      const grant = this.#grantNext(place);
      if (grant === undefined) break;
      if (last !== undefined) {
        last.free("released");
        this.#parts.counters.handovers += 1;
      }
      last = grant;
      const why = await grant.passed;
      this.#count(why);
      this.#parts.grants.ended(grant, place.key);
      if (why === "sessionLost") return;
      if (this.#mayNotPass(place)) break;
      place.handovers += 1;
      if (place.othersSince !== undefined) place.handoversSinceOthers += 1;
    }
    if (this.#place !== place) {
      last?.lose();
    } else if (last !== undefined && this.#callers.size > 0) {
      this.#leaving = { place, grant: last };
      this.#enterPhase({ kind: "leaving" });
    } else await this.#leave(place, last);
  }

  /** Undefined: nobody is left who may be granted it. */
  #grantNext(place: Place): Grant | undefined {
    const { runtime, mirror, lock, pod, grants, counters } = this.#parts;
    const rules = rulesOf(mirror.pool(lock.pool).lock ?? unserved());
    for (const caller of this.#callers) {
      try {
        this.#parts.checkGrants(rules);
      } catch (error) {
        assert(error instanceof Refusal, "a limit was checked and failed");
        this.#end(caller, error);
        continue;
      }
      assert(place.base !== undefined, "a place without a base was granted on");
      const { request } = caller;
      const grant = new Grant(runtime, {
        id: `${place.key.slice(place.key.lastIndexOf("/") + 1)}-${String(place.handovers)}`,
        lock,
        session: place.session,
        fence: fenceOf(place.base, place.created, place.handovers),
        request,
        holder: request.holder ?? pod,
        ttlMs: request.ttlMs ?? rules.ttlMs,
        maxHoldMs: rules.maxHoldMs,
      });
      grants.add(grant);
      counters.granted += 1;
      this.#forget(caller);
      this.#enterPhase({ kind: "holding", grant });
      caller.grant(() => grant.delivered());
      this.#describe();
      return grant;
    }
    return undefined;
  }

  #mayNotPass(place: Place): boolean {
    if (this.#draining || this.#callers.size === 0 || place.handovers >= handoversMax) return true;
    if (place.othersSince === undefined) return false;
    const { mirror, lock, runtime } = this.#parts;
    const spec = mirror.record("DistributedLock", lock.pool)?.lock;
    if (spec === undefined) return true;
    const { maxCount, maxHoldMs } = rulesOf(spec).handover;
    return place.handoversSinceOthers >= maxCount || runtime.now() - place.othersSince >= maxHoldMs;
  }

  async #leave(place: Place, grant?: Grant): Promise<void> {
    const { store } = this.#parts;
    this.#enterPhase({ kind: "leaving" });
    await place.quiet();
    const { session } = place;
    const keys = [place.key, ...place.notes];
    const outcome = await store.write({
      given: [],
      when: [],
      then: keys.map((key) => ({ kind: "delete", key })),
      otherwise: [],
    });
    for (const key of keys) {
      if (outcome.kind === "done") session.forget(key);
      else session.remove(key);
    }
    this.#left(
      place,
      grant,
      outcome.kind === "done" || session.ended.aborted ? "released" : "unknown",
    );
  }

  /** Where the entry that was to delete an old place did not come about. */
  async #leaveOld(): Promise<void> {
    const leaving = this.#leaving;
    if (leaving === undefined) return;
    await this.#leave(leaving.place, leaving.grant);
  }

  #left(place: Place, grant: Grant | undefined, freed: Freed): void {
    place.session.forget(place.key);
    if (freed === "unknown") place.session.know(place.key);
    else for (const note of place.notes) place.session.remove(note);
    grant?.free(freed);
    if (this.#leaving?.place === place) this.#leaving = undefined;
    if (this.#place === place) this.#place = undefined;
  }

  /** How a wait that ends now would end; undefined: not known yet. */
  #verdict(): Verdict | undefined {
    const phase = this.#phase;
    switch (phase.kind) {
      case "resting":
      case "entering":
      case "looking":
      case "leaving":
        return undefined;
      case "connecting":
        return noSession(this.#parts.sessions);
      case "unseen":
      case "settling":
        return { kind: "unknown" };
      case "refused":
        return phase.why;
      case "queued":
        return heldBy(phase.holder, phase.waiting + this.#waiting());
      case "holding":
        return heldBy(this.#localHolder(phase.grant), this.#waiting() + this.#othersWaiting);
      default:
        return phase satisfies never;
    }
  }

  #enterPhase(phase: Phase): void {
    this.#phase = phase;
    const verdict = this.#verdict();
    if (verdict !== undefined) for (const caller of this.callers()) caller.endOverdue(verdict);
  }

  /** Does one step of waiting; undefined: nobody waits any more, or the place is void. */
  async #whileWanted<T>(step: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    if (this.#callers.size === 0) return undefined;
    const controller = new AbortController();
    this.#step = controller;
    try {
      return await step(controller.signal);
    } catch (error) {
      if (error !== nobodyWaits) throw error;
      return undefined;
    } finally {
      if (this.#step === controller) this.#step = undefined;
    }
  }

  async #pause(): Promise<void> {
    const { runtime } = this.#parts;
    const pauseMs = this.#pauseMs * (0.5 + runtime.random());
    this.#pauseMs = Math.min(pauseMaxMs, this.#pauseMs * 2);
    await this.#whileWanted((signal) => sleep(runtime, pauseMs, signal));
  }

  #count(
    why: Grant["end"] extends infer E ? (E extends { why: infer W } ? W : never) : never,
  ): void {
    const { counters } = this.#parts;
    if (why === "released") counters.released += 1;
    else if (why === "expired" || why === "maxHold") counters.expired += 1;
    else if (why === "sessionLost") counters.lost += 1;
  }

  #end(caller: Caller, verdict: Verdict): void {
    this.#forget(caller);
    caller.end(verdict);
  }

  #forget(caller: Caller): void {
    this.#callers.delete(caller);
    const { requestId } = caller.request;
    if (requestId !== undefined && this.#byRequest.get(requestId) === caller)
      this.#byRequest.delete(requestId);
  }

  #waiting(): number {
    let waiting = 0;
    for (const { trying } of this.#callers) if (!trying) waiting += 1;
    return waiting;
  }

  #describe(): void {
    const place = this.#place;
    if (place === undefined) return;
    if (place.handovers === 0 && this.#callers.size === 0 && place.othersSince === undefined)
      return;
    place.describe(() => this.#tellOthers(place.session, place, place.base ?? 0n));
  }

  /** What observers are told by the contender's value. */
  #tellOthers(session: Session, place: Place | undefined, base: bigint): ContenderValue {
    const { pod, runtime } = this.#parts;
    const [first] = this.#callers;
    const held = this.grant;
    const request = held?.terms.request ?? first?.request;
    const behind = this.#callers.size - (held === undefined ? 1 : 0);
    return {
      session: session.id,
      pod,
      mode: "exclusive",
      permits: 1,
      since: held?.acquiredAt ?? runtime.wallNow(),
      holder: request?.holder ?? pod,
      metadata: request?.metadata ?? {},
      requestId: request?.requestId,
      base,
      handovers: place?.handovers ?? 0,
      localWaiters: Math.max(0, behind),
      trying: place === undefined && this.#waiting() === 0,
    };
  }

  #localHolder(grant: Grant): HolderView {
    const { holder, fence, request } = grant.terms;
    return {
      holder,
      pod: this.#parts.pod,
      since: grant.acquiredAt,
      fence: fence.toString(),
      metadata: request.metadata ?? {},
      localWaiters: this.#waiting(),
    };
  }

  #holderOf({
    holder,
    pod,
    since,
    metadata,
    localWaiters,
    base,
    createRevision,
    handovers,
  }: Look["contenders"][number]): HolderView {
    return {
      holder,
      pod,
      since,
      metadata,
      localWaiters,
      fence: fenceOf(base, createRevision, handovers).toString(),
    };
  }
}

const nobodyWaits = new Error("nobody waits here any more");

function next(seen: Look): Look["revision"] {
  return (seen.revision + 1n) as Look["revision"];
}

function unserved(): never {
  throw new Refusal("not_ready", "The pool is not served by this sidecar now.");
}

export type { Instant, Key };
