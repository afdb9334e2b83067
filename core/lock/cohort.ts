/**
 * All callers of this process that want one lock for themselves: they stand in one queue in memory and share one contender in
 * etcd. So do those who would share it, with each other (readers). Who wants permits of a semaphore, or names an owner, has a
 * cohort and a contender of its own, beside others of the same lock.
 *
 *   resting ─▶ connecting (no session) ─▶ entering ─▶ looking ─▶ queued ─▶ holding ─▶ leaving ─▶ resting
 *                                         └─▶ settling (the answer was lost) ─▶ looking, or entering again
 *
 * One loop runs while somebody waits or holds; every step asks again who is still there and whether the session lives. The
 * lock passes from one local caller to the next with no write, only the fence grows. While any place of another session
 * stands behind ours that goes on only within the hand-over budget; then the old place is deleted and a new one taken, in
 * one write. A place whose removal is not confirmed becomes an intent and is never granted on again.
 *
 * Readers are granted it beside each other on their one place, which goes with the last of them. While somebody waits behind
 * it, new ones join within the same budget; then those that come are another cohort, whose place stands behind that one's
 * (pool.ts), and so nobody starves.
 *
 * A session that ends makes the place void: the grant is lost, the queue goes on under the next session.
 */
import type { StoreRefusal } from "../outcome.ts";
import { Refusal } from "../refusal.ts";
import type { Session } from "../session/session.ts";
import type { Beside, CohortOf, CohortParts, CohortPool, Stander } from "./around.ts";
import type { Leaving, Listening, Verdict } from "./caller.ts";
import { Callers } from "./callers.ts";
import { countEnd } from "./counters.ts";
import { checkDemand } from "./demands.ts";
import { Entry, type Taken } from "./entry.ts";
import { handoversMax, joinedMax } from "./fence.ts";
import type { Freed, Grant } from "./grant.ts";
import { grantOn } from "./grant-on.ts";
import { unguarded } from "./guarded.ts";
import { Idle } from "./idle.ts";
import type { Lock } from "./keys.ts";
import { leave, tookAway } from "./leave.ts";
import { markAsNeeded, type Marked } from "./marks.ts";
import type { Demand } from "./order.ts";
import { Others } from "./others.ts";
import type { Place } from "./place.ts";
import { verdictOf, type Phase } from "./phase.ts";
import { Queueing } from "./queueing.ts";
import { storeRefused, tooManyWait } from "./refusals.ts";
import { rulesNow, rulesServed, type Rules } from "./rules.ts";
import { Steps } from "./steps.ts";
import { localHolder } from "./tell.ts";
import { Telling } from "./telling.ts";
import { Together } from "./together.ts";
import type { AcquireRequest, Acquired } from "./views.ts";

export class Cohort implements Stander {
  readonly callers: Callers;
  readonly lock: Lock;
  readonly demand: Demand;
  readonly beside: Beside<Cohort> | undefined;
  readonly #parts: CohortParts;
  readonly #pool: CohortPool<Cohort>;
  readonly #steps: Steps;
  readonly #idle: Idle;
  readonly #entry: Entry;
  readonly #queueing: Queueing;
  readonly #others: Others;
  readonly #telling: Telling;
  #phase: Phase = { kind: "resting" };
  #place: Place | undefined;
  /** An old place that the next entry deletes, and the grant whose release waits for that. */
  #leaving: { readonly place: Place; readonly grant: Grant } | undefined;
  #draining = false;
  /** Since the last entry began. */
  #wasNoted = false;
  /** Of readers. */
  readonly #together: Together | undefined;

  constructor(
    parts: CohortParts,
    pool: CohortPool<Cohort>,
    { lock, demand, beside, isTogether }: CohortOf<Cohort>,
  ) {
    this.#parts = parts;
    this.#pool = pool;
    this.lock = lock;
    this.demand = demand;
    this.beside = beside;
    this.callers = new Callers(parts.runtime, this);
    this.#steps = new Steps(parts.runtime, this.callers);
    this.#idle = new Idle(parts.runtime);
    this.#others = new Others(parts.runtime);
    this.#telling = new Telling(parts, this);
    this.#queueing = new Queueing(parts, pool, {
      ...{ lock, demand, beside, callers: this.callers, others: this.#others, steps: this.#steps },
      phase: () => this.#phase,
      enterPhase: (phase) => {
        this.#enterPhase(phase);
      },
      stands: (place) => this.#place === place,
    });
    if (isTogether === true) this.#together = this.#readers();
    this.#entry = new Entry(parts, {
      ...{ lock, beside, marks: pool.marks, steps: this.#steps },
      describe: (session, base) => this.#telling.value(session, base),
    });
  }

  get place(): Place | undefined {
    return this.#place;
  }

  get grants(): readonly Grant[] {
    if (this.#together !== undefined) return this.#together.grants;
    return this.#phase.kind === "holding" ? [this.#phase.grant] : [];
  }

  get isTogether(): boolean {
    return this.#together !== undefined;
  }

  /** Whether one more reader may come to these. */
  get takesMore(): boolean {
    if (this.#together === undefined || this.#draining) return false;
    const place = this.#place;
    if ((place?.handovers ?? 0) + this.callers.size >= joinedMax) return false;
    const rules = rulesNow(this.#parts.mirror, this.lock.pool);
    if (place === undefined || rules === undefined) return true;
    const isHeld = this.#together.size > 0;
    // Nobody tells a place that waits who stands behind it: as if somebody did.
    if (!isHeld && place.waits) return this.callers.size <= rules.handover.maxCount;
    const joining = isHeld ? this.callers.size : 0;
    return !place.isOverBudget(rules.handover, joining);
  }

  get isIdle(): boolean {
    return this.#phase.kind === "idle";
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
      if (!this.isTogether) this.beside?.waits(this, true);
    }
    const answer = this.callers.add(request, listening);
    this.#describe();
    if (this.callers.size > 0) this.#idle.end();
    this.#together?.wake();
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
    this.#wasNoted = true;
    this.#idle.end();
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
    for (const grant of this.grants) {
      const holder = localHolder(grant, this.#parts.pod, 0);
      if (grant.end?.why !== "released")
        this.#pool.lost(this.lock, { until: grant.statedUntil, holder });
      grant.lose();
    }
    this.#placeIsVoid();
  }

  #placeIsVoid(): void {
    this.#idle.end();
    this.#together?.wake();
    this.#steps.end();
  }

  /** Somebody deleted its place: nothing is granted on it any more, whatever was promised. */
  broken(): void {
    const place = this.#place;
    if (place === undefined) return;
    tookAway(this.#parts.runtime.log, this.lock, place);
    this.#place = undefined;
    for (const grant of this.grants) grant.break();
    this.#placeIsVoid();
  }

  /** The process stops: waits end, and a place that promises nothing is deleted; the loop then ends. */
  drain(refusal: Error): void {
    this.#draining = true;
    for (const { guards } of this.grants) guards?.giveUp();
    this.endWait(refusal);
  }

  endWait(refusal: Error): void {
    this.callers.endAll(refusal);
    this.#idle.end();
    this.beside?.waits(this, false);
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
    if (lost !== undefined) {
      // What its caller was told runs on: nobody is granted the lock before its end.
      this.#enterPhase({ kind: "queued", holder: lost.holder, waiting: 0 });
      return this.#steps.until(lost.until);
    }
    const mayFindItHeld =
      this.#leaving === undefined && this.callers.onlyTry && this.#pool.wasSeenHeld(this.lock);
    if (mayFindItHeld && (await this.#queueing.findsItHeld())) return;
    const taken = await this.#takePlace(session);
    if (taken === undefined) return;
    const { place, alone } = taken;
    this.#place = place;
    // A note may come before the answer to the entry that it is about.
    if (this.#wasNoted) place.noticeOthers();
    this.#steps.calm();
    if (alone) this.#others.saw(0);
    else place.waits = true;
    this.#describe();
    if (!alone && !(await this.#queueing.untilItHolds(place))) await this.#leave(place);
    else if (this.#together === undefined) await this.#serve(place);
    else {
      place.begins();
      await this.#together.serve(place);
    }
    if (this.#place === place) this.#place = undefined;
  }

  /** Undefined: none was taken, and the cohort is to try again. The old place has gone with it, or is left now. */
  async #takePlace(session: Session): Promise<Taken | undefined> {
    this.#wasNoted = false;
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

  /** Grants to one local caller after the other, as long as this place may be granted on. */
  async #serve(place: Place): Promise<void> {
    let last: Grant | undefined;
    place.begins();
    while (this.#place === place && place.session.isAlive()) {
      const marked = await this.#mark(place);
      if (marked?.kind === "refused") {
        await this.#leaveUnmarked(place, marked.reason, last);
        return;
      }
      if (marked?.kind === "gone") place.session.seats.spoil();
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
      if (why === "sessionLost" || why === "broken") {
        if (why === "broken") grant.free("released");
        else grant.lose();
        return;
      }
      if (place.mark !== undefined && !grant.endedCleanly) {
        place.leaveMark();
        break;
      }
      if (grant.endedCleanly && (await this.#staysIdle(place, grant))) last = undefined;
      if (grant.isGuarding && !this.#mayNotPass(place)) await unguarded(this.#parts, place, grant);
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

  #readers(): Together {
    return new Together({
      ...{ callers: this.callers, counters: this.#pool.counters },
      now: () => this.#parts.runtime.now(),
      stands: (place) => this.#place === place && place.session.isAlive(),
      mark: (place, isCountedOn) => this.#mark(place, isCountedOn),
      grantNext: (place) => this.#grantNext(place),
      enterPhase: (phase) => {
        this.#enterPhase(phase);
      },
      describe: () => {
        this.#describe();
      },
      checkServed: () => {
        this.#rules();
      },
      leave: (place, refused) =>
        refused === undefined ? this.#leave(place) : this.#leaveUnmarked(place, refused),
    });
  }

  /** Undefined: the lock may be granted, as far as markers go. */
  #mark(place: Place, isCountedOn = false): Promise<Marked | undefined> {
    return markAsNeeded(this.#parts, place, {
      ...{ lock: this.lock, isCountedOn },
      tell: () => this.#telling.value(place.session, place.base ?? 0n, place),
      isWanted: () => this.callers.size > 0,
      silent: () => {
        this.#enterPhase({ kind: "unseen" });
      },
    });
  }

  /** Who has no time left hears why when the place is gone: of him nothing is left. Else nobody can be told that. */
  async #leaveUnmarked(place: Place, why: StoreRefusal, last?: Grant): Promise<Freed> {
    const freed = await this.#leave(place, last);
    if (freed === "unknown") this.callers.endAll({ kind: "unknown" });
    this.#enterPhase({ kind: "refused", why: storeRefused(why) });
    await this.#steps.pause();
    return freed;
  }

  /** Undefined: nobody is left who may be granted it. */
  #grantNext(place: Place): Grant | undefined {
    // Of a pool that went the waits end where the next place is asked for, and the last grant is let go of.
    const rules = rulesNow(this.#parts.mirror, this.lock.pool);
    if (rules === undefined) return undefined;
    for (const caller of this.callers) {
      const refusal = this.#pool.tooManyGrants(rules);
      if (refusal !== undefined) {
        this.callers.end(caller, refusal);
        continue;
      }
      const { lock } = this;
      const grant = grantOn(place, this.#parts, { lock, request: caller.request, rules });
      this.#pool.counters.granted += 1;
      this.callers.remove(caller);
      this.beside?.waits(this, false);
      this.#enterPhase(this.isTogether ? { kind: "sharing" } : { kind: "holding", grant });
      caller.grant(() => grant.delivered());
      this.#describe();
      return grant;
    }
    return undefined;
  }

  /** Whether the place was kept though nobody wanted it, for as long as that was to be: its last grant is freed then. */
  async #staysIdle(place: Place, last: Grant): Promise<boolean> {
    const stickyForMs = () => rulesNow(this.#parts.mirror, this.lock.pool)?.stickyForMs ?? 0;
    const isWanted = () => this.#draining || this.callers.size > 0 || place.hasOthers;
    const mayStay =
      stickyForMs() > 0 && this.beside === undefined && place.handovers < handoversMax;
    if (!mayStay || isWanted()) return false;
    if ((await place.unmark()) === "unknown") return false;
    if (last.isGuarding) await unguarded(this.#parts, place, last);
    if (place.isUnsure) return false;
    this.#pool.counters.handovers += 1;
    last.free("released");
    if (isWanted() || this.#place !== place) return true;
    this.#enterPhase({ kind: "idle" });
    this.#describe();
    await this.#idle.rest(stickyForMs);
    return true;
  }

  #mayNotPass(place: Place): boolean {
    const isOver = this.#draining || place.isUnsure || place.handovers >= handoversMax;
    if (isOver || this.callers.size === 0) return true;
    const rules = rulesNow(this.#parts.mirror, this.lock.pool);
    return rules === undefined || place.isOverBudget(rules.handover);
  }

  async #leave(place: Place, grant?: Grant): Promise<Freed> {
    const was = this.#phase;
    this.#enterPhase({ kind: "leaving" });
    const freed = await leave(this.#parts.store, place);
    place.notes = [];
    this.#left(place, grant, freed);
    if (was.kind === "refusing")
      this.#enterPhase(freed === "released" ? was.then : { kind: "settling" });
    return freed;
  }

  /** The entry that was to delete it did not come about. */
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
    return rulesServed(this.#parts.mirror, this.lock.pool);
  }

  #describe(): void {
    if (this.#place !== undefined) this.#telling.describe(this.#place);
  }
}
