/**
 * All callers of this process that want one lock for themselves: they stand in one queue in memory and share one contender in
 * etcd. Who would share the lock, or wants permits of a semaphore, has a cohort and a contender of its own, beside others of
 * the same lock.
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
import type { StoreRefusal } from "../outcome.ts";
import { assert, Refusal } from "../refusal.ts";
import { sleep } from "../runtime.ts";
import type { Session } from "../session/session.ts";
import type { Beside, CohortOf, CohortParts, CohortPool, Stander } from "./around.ts";
import type { Leaving, Listening, Verdict } from "./caller.ts";
import type { Contender, ContenderValue } from "./contender.ts";
import { Callers } from "./callers.ts";
import { countEnd } from "./counters.ts";
import { checkDemand } from "./demands.ts";
import { Entry, type Taken } from "./entry.ts";
import { handoversMax } from "./fence.ts";
import type { Freed, Grant } from "./grant.ts";
import { grantOn } from "./grant-on.ts";
import type { Lock } from "./keys.ts";
import { leave } from "./leave.ts";
import { look, waitingBefore, waitingIn, type Look } from "./look.ts";
import { mark, standingBehind, type Marked, type PoolMarks, type Stand } from "./marks.ts";
import { leaveNote } from "./notes.ts";
import { inOrder, wouldWait, type Demand } from "./order.ts";
import { Others } from "./others.ts";
import type { Place } from "./place.ts";
import { verdictOf, type Phase } from "./phase.ts";
import { blocked, permitsExceed, storeRefused, tooManyWait } from "./refusals.ts";
import { rulesNow, rulesOf, type Rules } from "./rules.ts";
import { Steps } from "./steps.ts";
import { contenderValue, holderOf, localHolder } from "./tell.ts";
import { untilWorthALook, worthALook } from "./wait.ts";
import type { AcquireRequest, Acquired, LostGuarantee } from "./views.ts";

export class Cohort implements Stander {
  readonly callers: Callers;
  readonly lock: Lock;
  readonly demand: Demand;
  readonly beside: Beside<Cohort> | undefined;
  readonly #parts: CohortParts;
  readonly #pool: CohortPool<Cohort>;
  readonly #steps: Steps;
  readonly #entry: Entry;
  readonly #others: Others;
  #phase: Phase = { kind: "resting" };
  #place: Place | undefined;
  /** An old place that the next entry deletes, and the grant whose release waits for that. */
  #leaving: { readonly place: Place; readonly grant: Grant } | undefined;
  #draining = false;

  constructor(
    parts: CohortParts,
    pool: CohortPool<Cohort>,
    { lock, demand, beside }: CohortOf<Cohort>,
  ) {
    this.#parts = parts;
    this.#pool = pool;
    this.lock = lock;
    this.demand = demand;
    this.beside = beside;
    this.callers = new Callers(parts.runtime, this);
    this.#steps = new Steps(parts.runtime, this.callers);
    this.#others = new Others(parts.runtime);
    this.#entry = new Entry(parts, {
      ...{ lock, beside, marks: pool.marks, steps: this.#steps },
      describe: (session, base) => this.#tell(session, base),
    });
  }

  get place(): Place | undefined {
    return this.#place;
  }

  /** The grant that is live, or whose guarantee still runs. */
  get grant(): Grant | undefined {
    return this.#phase.kind === "holding" ? this.#phase.grant : undefined;
  }

  /** A caller's turn, or the end of its wait. The loop ({@link run}) runs, or is started after this. */
  join(request: AcquireRequest, rules: Rules, listening: Listening): Promise<Acquired> {
    const verdict = request.waitMs > 0 ? undefined : this.verdict();
    if (verdict instanceof Error) throw verdict;
    if (verdict !== undefined) return Promise.resolve(verdict);
    const repeated = this.callers.repeated(request);
    if (repeated !== undefined) return repeated.listen(request.waitMs, listening);
    const waitingHere = this.beside?.waiting ?? this.callers.count();
    const waiting = waitingHere + this.#others.waiting;
    if (request.waitMs > 0) {
      if (waiting >= rules.limits.waitersPerLock) throw tooManyWait(this.lock, rules);
      this.beside?.waits(this, true);
    }
    const answer = this.callers.add(request, listening);
    this.#describe();
    return answer;
  }

  /** A caller went without a grant. */
  callerLeft(how: Leaving): void {
    if (how === "abandoned") this.#pool.counters.abandoned += 1;
    if (this.callers.size === 0) {
      this.beside?.waits(this, false);
      this.#steps.end();
    }
    this.#describe();
  }

  /** Somebody left a note: a place of another session stands behind ours. */
  noted(): void {
    this.#place?.noticeOthers();
    this.#others.saw(Math.max(1, this.#others.waiting));
  }

  /** The session is over, and with it the place and the grant that hang on it. */
  sessionEnded(session: Session): void {
    if (this.#leaving?.place.session === session) {
      this.#leaving.grant.lose();
      this.#leaving = undefined;
    }
    if (this.#place?.session !== session) return;
    this.#place = undefined;
    const { grant } = this;
    if (grant !== undefined) {
      const holder = localHolder(grant, this.#parts.pod, 0);
      if (grant.end?.why !== "released")
        this.#pool.lost(this.lock, { until: grant.statedUntil, holder });
      grant.lose();
    }
    this.#steps.end();
  }

  /** The process stops: waits end, and a place that promises nothing is deleted; the loop then ends. */
  drain(refusal: Error): void {
    this.#draining = true;
    this.callers.endAll(refusal);
    this.#steps.end();
  }

  /** The process ends: the loop too, without another write. */
  close(refusal: Error): void {
    this.drain(refusal);
    const session = this.#place?.session ?? this.#leaving?.place.session;
    if (session !== undefined) this.sessionEnded(session);
  }

  /** Until nobody waits or holds. Throws only bugs. */
  async run(): Promise<void> {
    try {
      while (this.callers.size > 0 || this.#leaving !== undefined) {
        try {
          await this.#turn();
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
          this.callers.endAll(error);
          if (this.#place !== undefined) await this.#leave(this.#place);
          await this.#leaveOld();
        }
      }
    } finally {
      this.#pool.ended(this);
    }
  }

  /** One try to get and serve the lock. */
  async #turn(): Promise<void> {
    const { sessions, mirror } = this.#parts;
    if (this.callers.size === 0) return this.#leaveOld();
    const session = sessions.current;
    if (session === undefined || !mirror.isReady) {
      await this.#leaveOld();
      this.#enterPhase({ kind: "connecting" });
      const either = mirror.isReady ? sessions.live.bind(sessions) : mirror.nextChange.bind(mirror);
      await this.#steps.do<unknown>(either);
      return;
    }
    const lost = this.#pool.lostGuarantee(this.lock);
    if (lost !== undefined) return this.#waitFor(lost);
    const mayFindItHeld =
      this.#leaving === undefined && this.callers.onlyTry && this.#pool.wasSeenHeld(this.lock);
    if (mayFindItHeld && (await this.#findsItHeld())) return;
    const taken = await this.#takePlace(session);
    if (taken === undefined) return;
    const { place, alone } = taken;
    this.#place = place;
    this.#steps.calm();
    if (alone) this.#others.saw(0);
    else place.waits = true;
    this.#describe();
    if (alone || (await this.#untilItHolds(place))) await this.#serve(place);
    else await this.#leave(place);
    if (this.#place === place) this.#place = undefined;
  }

  /** A grant was lost with its session, and what its caller was told runs on: nobody is granted the lock before its end. */
  async #waitFor(lost: LostGuarantee): Promise<void> {
    const { runtime } = this.#parts;
    this.#enterPhase({ kind: "queued", holder: lost.holder, waiting: 0 });
    await this.#steps.do((signal) => sleep(runtime, lost.until - runtime.now(), signal));
  }

  /** Where all that are here only try, and the lock was lately seen held, they are answered by a read. */
  async #findsItHeld(): Promise<boolean> {
    this.#enterPhase({ kind: "looking" });
    const seen = await this.#steps.do((signal) => look(this.#parts, { lock: this.lock }, signal));
    if (seen === undefined) return false;
    const { sharing } = this.#rules();
    const all = inOrder([...seen.contenders, ...this.#orphans(seen).ghosts]);
    const [first] = all;
    if (first === undefined || !wouldWait(all, this.demand, sharing)) return false;
    const waiting = waitingIn(seen.contenders, sharing);
    this.#enterPhase({ kind: "queued", holder: holderOf(first), waiting });
    return true;
  }

  #orphans(seen: Look): ReturnType<PoolMarks["orphans"]> {
    return this.#pool.marks.orphans(this.lock, seen, this.#parts.runtime.now());
  }

  /** Undefined: none was taken, and the cohort is to try again. The old place has gone with it, or is left now. */
  async #takePlace(session: Session): Promise<Taken | undefined> {
    const leaving = this.#leaving;
    const rewriting = leaving?.place.quiet();
    if (rewriting !== undefined) await rewriting;
    this.#enterPhase({ kind: "entering" });
    checkDemand(this.lock, this.demand, this.#rules());
    const entered = await this.#entry.enter(session, leaving?.place);
    if (entered.kind === "placed") {
      if (leaving !== undefined) this.#left(leaving.place, leaving.grant);
      return entered;
    }
    await this.#leaveOld();
    return this.#entry.instead(session, entered, (phase) => {
      this.#enterPhase(phase);
    });
  }

  /** Waits until the place holds the lock. False: it does not, and is to be left. */
  async #untilItHolds(place: Place): Promise<boolean> {
    const { lock } = this;
    const { store, mirror, namespace } = this.#parts;
    this.#enterPhase({ kind: "looking" });
    while (this.callers.size > 0 && this.#place === place && place.session.isAlive()) {
      const atLeast = place.created;
      const seen = await this.#steps.do(
        (signal) =>
          this.beside?.looks.look(atLeast, signal) ?? look(this.#parts, { lock, atLeast }, signal),
      );
      if (seen === undefined) {
        if (this.#phase.kind === "looking") this.#enterPhase({ kind: "unseen" });
        await this.#steps.pause();
        continue;
      }
      const { version } = mirror;
      const { sharing } = this.#rules();
      const { ghosts, spent } = this.#orphans(seen);
      const stands = standingBehind(seen.contenders, ghosts, { mine: place, sharing });
      if (stands.kind === "gone" || this.#place !== place) return this.#gone(place);
      if (this.#takeIn(place, seen, stands)) {
        for (const orphan of spent) this.#pool.sweep(orphan);
        return true;
      }
      if (this.callers.size === 0 || this.#phase.kind === "refusing") return false;
      const before = stands.kind === "waits" ? stands.before : undefined;
      // At every look, for a note can be lost: whoever is not told of us may pass the lock on for ever.
      if (before !== undefined) {
        place.noted(await leaveNote({ store, namespace, lock }, place.session, before.session));
      }
      const worth = [worthALook(place, stands, this.beside?.line)];
      await this.#steps.do((signal) => untilWorthALook(this.#parts, { worth, version }, signal));
    }
    return false;
  }

  /** What a look tells: who holds, how many wait, and whether this place may be granted on. */
  #takeIn(place: Place, { contenders }: Look, stands: Stand<Contender>): boolean {
    const { mirror } = this.#parts;
    const rules = this.#rules();
    const holds = stands.kind === "holds";
    const first = stands.kind === "delayed" ? stands.by : contenders[0];
    assert(first !== undefined, "a lock with a contender was seen without any");
    if (contenders.at(-1)?.key !== place.key) place.noticeOthers();
    this.#others.saw(waitingIn(contenders, rules.sharing, place.key));
    const { installation } = mirror;
    if (holds && installation !== undefined && mirror.anew === undefined) {
      place.base = installation.base;
      return true;
    }
    if (holds) {
      this.#enterPhase({ kind: "refused", why: blocked() });
      return false;
    }
    this.#pool.sawHeld(this.lock);
    if (this.demand.permits > rules.sharing.permits) {
      // Its own sidecar knows that it was never let in: nobody else may pass it over.
      this.callers.endAll(permitsExceed(this.lock, this.demand.permits, rules));
      return false;
    }
    // Where too many came in together, the first of them stay.
    if (waitingBefore(contenders, rules.sharing, place) >= rules.limits.waitersPerLock) {
      for (const caller of [...this.callers]) {
        if (!caller.trying) this.callers.end(caller, tooManyWait(this.lock, rules));
      }
    }
    const { waiting } = this.#others;
    const queued = { kind: "queued", holder: holderOf(first), waiting } as const;
    this.#enterPhase(this.callers.onlyTry ? { kind: "refusing", then: queued } : queued);
    return false;
  }

  /** The place is not in etcd any more although nobody here removed it. */
  #gone(place: Place): false {
    const { pool, name } = this.lock;
    const { log } = this.#parts.runtime;
    log.warn("a place in a lock's queue is gone; a new one is taken", { pool, name });
    place.session.forget(place.key);
    place.session.seats.spoil();
    return false;
  }

  /** Grants to one local caller after the other, as long as this place may be granted on. */
  async #serve(place: Place): Promise<void> {
    let last: Grant | undefined;
    while (this.#place === place && place.session.isAlive()) {
      const marked = await this.#mark(place);
      if (marked?.kind === "refused") return this.#leaveUnmarked(place, last, marked.reason);
      if (marked?.kind === "gone" || this.#place !== place || !place.session.isAlive()) break;
      const grant = this.#grantNext(place);
      if (grant === undefined) break;
      if (last !== undefined) {
        last.free("released");
        this.#pool.counters.handovers += 1;
      }
      last = grant;
      const why = await grant.passed;
      countEnd(this.#pool.counters, why);
      if (why === "sessionLost") {
        grant.lose();
        return;
      }
      if (place.mark !== undefined && !grant.endedCleanly) {
        place.leaveMark();
        break;
      }
      if (this.#mayNotPass(place)) break;
      place.handOver();
    }
    if (this.#place !== place) last?.lose();
    else if (last === undefined || this.callers.size === 0) await this.#leave(place, last);
    else {
      this.#leaving = { place, grant: last };
      this.#enterPhase({ kind: "leaving" });
    }
  }

  /** Where the pool has a lockDelay, the lock is granted only with a marker. Undefined: it needs no other than it has. */
  async #mark(place: Place): Promise<Marked | undefined> {
    const delayMs = rulesNow(this.#parts.mirror, this.lock.pool)?.lockDelayMs ?? 0;
    if ((place.mark?.delayMs ?? 0) === delayMs || this.callers.size === 0) return undefined;
    const value = this.#tell(place.session, place.base ?? 0n, place);
    const marked = await mark(this.#parts, place, { lock: this.lock, delayMs, value });
    if (marked.kind === "gone") this.#gone(place);
    return marked;
  }

  /** Who has no time left hears why when the place is gone: of him nothing is left. Else nobody can be told that. */
  async #leaveUnmarked(place: Place, last: Grant | undefined, why: StoreRefusal): Promise<void> {
    const freed = await this.#leave(place, last);
    if (freed === "unknown") this.callers.endAll({ kind: "unknown" });
    this.#enterPhase({ kind: "refused", why: storeRefused(why) });
    await this.#steps.pause();
  }

  /** Undefined: nobody is left who may be granted it. */
  #grantNext(place: Place): Grant | undefined {
    const rules = this.#rules();
    for (const caller of this.callers) {
      try {
        this.#pool.checkGrants(rules);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        this.callers.end(caller, error);
        continue;
      }
      const { lock } = this;
      const grant = grantOn(place, this.#parts, { lock, request: caller.request, rules });
      this.#pool.counters.granted += 1;
      this.callers.remove(caller);
      this.beside?.waits(this, false);
      this.#enterPhase({ kind: "holding", grant });
      caller.grant(() => grant.delivered());
      this.#describe();
      return grant;
    }
    return undefined;
  }

  #mayNotPass(place: Place): boolean {
    if (this.#draining || this.callers.size === 0 || place.handovers >= handoversMax) return true;
    const rules = rulesNow(this.#parts.mirror, this.lock.pool);
    return rules === undefined || place.isOverBudget(rules.handover);
  }

  async #leave(place: Place, grant?: Grant): Promise<Freed> {
    const was = this.#phase;
    this.#enterPhase({ kind: "leaving" });
    const freed = await leave(this.#parts.store, place);
    place.notes = [];
    this.#left(place, grant, freed);
    if (was.kind === "refusing") this.#enterPhase(was.then);
    return freed;
  }

  /** Where the entry that was to delete an old place did not come about. */
  async #leaveOld(): Promise<void> {
    if (this.#leaving !== undefined) await this.#leave(this.#leaving.place, this.#leaving.grant);
  }

  #left(place: Place, grant: Grant | undefined, freed: Freed = "released"): void {
    if (freed === "released") {
      place.session.forget(place.key);
      this.#entry.left();
    }
    for (const note of place.notes) place.session.remove(note);
    grant?.free(freed);
    if (this.#leaving?.place === place) this.#leaving = undefined;
    if (this.#place === place) this.#place = undefined;
  }

  /** How a wait that ends now would end; undefined: not known yet. */
  verdict(): Verdict | undefined {
    const { sessions, pod } = this.#parts;
    return verdictOf(this.#phase, {
      sessions,
      pod,
      waitingHere: this.callers.count(),
      waitingElsewhere: this.#others.waiting,
      unsettled: this.#entry.unsettled,
    });
  }

  #enterPhase(phase: Phase): void {
    this.#phase = phase;
    if (this.callers.size === 0) return;
    const verdict = this.verdict();
    if (verdict !== undefined) this.callers.endOverdue(verdict);
  }

  #rules(): Rules {
    const { lock: spec } = this.#parts.mirror.pool(this.lock.pool);
    assert(spec !== undefined, "a pool that is served has no spec");
    return rulesOf(spec);
  }

  #describe(): void {
    const place = this.#place;
    if (place === undefined) return;
    const { isAsMade, waits, handovers, othersSince } = place;
    const asWritten = isAsMade && !waits && handovers === 0 && othersSince === undefined;
    if (asWritten && this.callers.size <= (this.grant === undefined ? 1 : 0)) return;
    place.describe(() => {
      const base = place.base ?? this.#parts.mirror.installation?.base ?? 0n;
      return this.#tell(place.session, base, place);
    });
  }

  /** What others are told by the contender's value; without a place: by one that is being taken. */
  #tell(session: Session, base: bigint, place?: Place): ContenderValue {
    const { runtime, pod } = this.#parts;
    const { callers, demand, grant } = this;
    const [handovers, isNew] = [place?.handovers ?? 0, place === undefined];
    const own = { callers, demand, grant };
    return contenderValue({ runtime, pod, session, base, handovers, isNew, ...own });
  }
}
