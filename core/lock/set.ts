/**
 * One request for several locks: all are granted, or, when the wait ends, none.
 *
 *   connecting (no session) ─▶ entering ─▶ looking ─▶ queued ─▶ holding ─▶ leaving
 *                              └─▶ settling (the answer was lost) ─▶ looking, or entering again
 *
 * One write puts a place into each queue (set-entry.ts), so all have one create revision and no circle of sets can form. Each
 * lock is judged by itself, at whatever revision: who was let in stays in. The last look, which finds all let in, also finds
 * each place still there, and the fence base and `anew` as they are then.
 *
 * While it waits it leaves a note with whoever blocks it, its own sidecar too, so that their hand-over budget counts. Its places
 * are its own: no cohort joins them, and they are handed over to nobody. Each is deleted by a write of its own; the grant is
 * freed when the last of those is answered, and where one is not, that place is an intent.
 *
 * Where pools have a lockDelay, each of their places has its marker (marks.ts) before the grant is answered.
 *
 * A session that ends makes all places void: the grant is lost, who still waits enters anew under the next session.
 */
import type { StoreRefusal } from "../outcome.ts";
import { assert, Refusal } from "../refusal.ts";
import type { Instant } from "../runtime.ts";
import type { SideSeat, SideSeats } from "../session/seats.ts";
import type { Session } from "../session/session.ts";
import type { CohortParts } from "./around.ts";
import { Callers } from "./callers.ts";
import type { Leaving, Listening, Verdict } from "./caller.ts";
import type { ContenderValue } from "./contender.ts";
import { countEnd, type Counters } from "./counters.ts";
import { checkDemand } from "./demands.ts";
import type { Freed, Grant } from "./grant.ts";
import { grantOnSet } from "./grant-on.ts";
import { idlePatience } from "./idle.ts";
import { leave, tookAway } from "./leave.ts";
import { endBeyondLimits } from "./limits.ts";
import { waitingIn } from "./look.ts";
import { inTheWay } from "./marks.ts";
import { tellHolders } from "./notes.ts";
import type { Demand } from "./order.ts";
import type { Place } from "./place.ts";
import { verdictOf, type Phase } from "./phase.ts";
import { blocked, storeRefused, tooManyWait } from "./refusals.ts";
import { rulesServed, type Rules } from "./rules.ts";
import { enterSet } from "./set-entry.ts";
import { lookAtSet, type Found } from "./set-look.ts";
import { markMembers } from "./set-marks.ts";
import { SetMember, type MemberParts } from "./set-member.ts";
import { Setbacks } from "./setbacks.ts";
import { Steps } from "./steps.ts";
import { contenderValue, holderOf, localHolder } from "./tell.ts";
import { judgedNow, untilWorthALook, worthALook, type Worth } from "./wait.ts";
import type { AcquireRequest, Acquired } from "./views.ts";

type Waits = Extract<Found<SetMember>, { readonly kind: "waits" }>;
type Holds = Extract<Found<SetMember>, { readonly kind: "holds" }>;

function letIn({ of: member, spent }: Holds): void {
  for (const orphan of spent) member.pool.sweep(orphan);
  member.isIn = true;
}

export class LockSet {
  readonly callers: Callers;
  readonly members: readonly SetMember[];
  readonly #parts: CohortParts;
  readonly #seats: SideSeats;
  readonly #steps: Steps;
  readonly #setbacks: Setbacks;
  #phase: Phase = { kind: "resting" };
  /** Whose places the members have. */
  #session: Session | undefined;
  #seat: SideSeat | undefined;
  /** That was last seen to keep it waiting. */
  #blockedAt: SetMember | undefined;
  /** The answer to an entry was lost with its session: places may stand until that one's lease ends. */
  #unsettled = false;

  constructor(parts: CohortParts, seats: SideSeats, members: readonly MemberParts[]) {
    this.#parts = parts;
    this.#seats = seats;
    this.callers = new Callers(parts.runtime, this);
    this.members = members.map((member) => new SetMember(this, member));
    this.#steps = new Steps(parts.runtime, this.callers);
    this.#setbacks = new Setbacks(parts, this.#steps);
  }

  /** The grant that is live, or whose guarantee still runs. */
  get grants(): readonly Grant[] {
    return this.#phase.kind === "holding" ? [this.#phase.grant] : [];
  }

  /** A caller's turn, or the end of its wait. The loop ({@link run}) runs, or is started after this. */
  join(request: AcquireRequest, listening: Listening): Promise<Acquired> {
    const repeated = this.callers.repeated(request);
    if (repeated !== undefined) return repeated.listen(request.waitMs, listening);
    if (request.waitMs > 0) {
      for (const { lock, beside } of this.members) {
        const rules = rulesServed(this.#parts.mirror, lock.pool);
        if (beside.waiting >= rules.limits.waitersPerLock) throw tooManyWait(lock, rules);
      }
      for (const member of this.members) member.beside.waits(member, true);
    }
    return this.callers.add(request, listening);
  }

  /** The caller went without a grant. */
  callerLeft(how: Leaving): void {
    if (how === "abandoned") this.#count((counters) => (counters.abandoned += 1));
    if (this.callers.size === 0) this.#waitsNoMore();
  }

  /** How a wait that ends now would end; undefined: not known yet. */
  verdict(): Verdict | undefined {
    const { sessions, pod } = this.#parts;
    const around = { sessions, pod, waitingHere: 0, waitingElsewhere: 0 };
    const verdict = verdictOf(this.#phase, { ...around, unsettled: this.#unsettled });
    if (verdict === undefined || verdict instanceof Error || verdict.kind !== "held")
      return verdict;
    return { ...verdict, lock: this.#blockedAt?.lock };
  }

  /** The session is over, and with it the places and the grant that hang on it. */
  sessionEnded(session: Session): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    // Nobody else of that session may have it: the places stand until its lease ends.
    this.#seat = undefined;
    const [grant] = this.grants;
    if (grant !== undefined) {
      const holder = localHolder(grant, this.#parts.pod, 0);
      for (const { pool, lock, demand } of this.members) {
        if (grant.end?.why !== "released")
          pool.lost(lock, { until: grant.statedUntil, holder: { ...holder, ...demand } });
      }
      grant.lose();
    }
    for (const member of this.members) member.takes(undefined);
    this.#steps.end();
  }

  /** The wait ends; places that promise nothing are deleted, and the loop then ends. */
  endWait(refusal: Error): void {
    this.callers.endAll(refusal);
    this.#waitsNoMore();
  }

  /** The process ends: the loop too, without another write. */
  close(refusal: Error): void {
    this.endWait(refusal);
    if (this.#session !== undefined) this.sessionEnded(this.#session);
  }

  /** Until nobody waits or holds. Throws only bugs. */
  async run(): Promise<void> {
    while (this.callers.size > 0) {
      try {
        await this.#turn();
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        this.callers.endAll(error);
        await this.#leave();
      }
    }
  }

  /** One try to get and serve the locks. */
  async #turn(): Promise<void> {
    const { sessions, mirror } = this.#parts;
    const session = sessions.current;
    if (session === undefined || !mirror.isReady) {
      this.#enterPhase({ kind: "connecting" });
      const either = mirror.isReady ? sessions.live.bind(sessions) : mirror.nextChange.bind(mirror);
      await this.#steps.do<unknown>(either);
      return;
    }
    if (await this.#waitedForALoss()) return;
    const mayFindItHeld =
      this.callers.onlyTry && this.members.some(({ pool, lock }) => pool.wasSeenHeld(lock));
    if (mayFindItHeld && (await this.#findsItHeld())) return;
    const taken = await this.#takePlaces(session);
    if (taken === undefined) return;
    this.#session = session;
    for (const [index, member] of this.members.entries()) member.takes(taken.places[index]);
    this.#steps.calm();
    if (taken.alone || (await this.#untilAllHold())) await this.#serve(session);
    else await this.#leave();
  }

  /** A grant was lost with its session, and what its caller was told runs on: nobody is granted that lock before its end. */
  async #waitedForALoss(): Promise<boolean> {
    for (const member of this.members) {
      const lost = member.pool.lostGuarantee(member.lock);
      if (lost === undefined) continue;
      this.#blockedAt = member;
      this.#enterPhase({ kind: "queued", holder: lost.holder, waiting: 0 });
      await this.#steps.until(lost.until);
      return true;
    }
    return false;
  }

  /** Where all that are here only try, and one of the locks was lately seen held, they are answered by a read. */
  async #findsItHeld(): Promise<boolean> {
    // What is told of a place that may be idle may be old: it is asked.
    const { mirror } = this.#parts;
    if (this.members.some(({ lock }) => rulesServed(mirror, lock.pool).stickyForMs > 0))
      return false;
    this.#enterPhase({ kind: "looking" });
    const seen = await this.#steps.do((signal) => lookAtSet(this.#parts, this.members, signal));
    for (const found of seen ?? []) {
      if (found.kind !== "waits") continue;
      const { contenders, ghosts, of: member, rules } = found;
      const first = inTheWay(contenders, ghosts, [member.demand, rules.sharing]);
      if (first === undefined) continue;
      this.#blockedAt = member;
      const waiting = waitingIn(contenders, rules.sharing);
      this.#enterPhase({ kind: "queued", holder: holderOf(first), waiting });
      return true;
    }
    return false;
  }

  async #takePlaces(
    session: Session,
  ): Promise<{ readonly places: readonly Place[]; readonly alone: boolean } | undefined> {
    this.#enterPhase({ kind: "entering" });
    for (const { lock, demand } of this.members)
      checkDemand(lock, demand, rulesServed(this.#parts.mirror, lock.pool));
    const seat = this.#seats.take(session.seats);
    this.#seat = seat;
    const entered = await enterSet(this.#parts, {
      session,
      wanted: this.members,
      // Told apart from those that stand alone, which have the same words.
      seat: `s${seat.word}`,
      describe: (demand, base) => this.#tell(session, demand, base),
    });
    if (entered.kind === "placed") {
      this.#setbacks.over();
      this.#unsettled = false;
      return entered;
    }
    if (entered.kind !== "unknown") {
      seat.leave();
      await this.#setbacks.after(entered, session, (why) => {
        this.#enterPhase({ kind: "refused", why });
      });
      return undefined;
    }
    // Its seat is spoiled.
    this.#enterPhase({ kind: "settling" });
    const places = await entered.settle();
    if (places !== undefined) return { places, alone: false };
    this.#unsettled = session.ended.aborted;
    await this.#steps.pause();
    return undefined;
  }

  /** Waits until all places hold. False: they do not, and are to be left. */
  async #untilAllHold(): Promise<boolean> {
    const { mirror } = this.#parts;
    this.#enterPhase({ kind: "looking" });
    while (this.callers.size > 0 && this.#session?.isAlive() === true) {
      const seen = await this.#steps.do((signal) => lookAtSet(this.#parts, this.members, signal));
      if (seen === undefined) {
        if (this.#phase.kind === "looking") this.#enterPhase({ kind: "unseen" });
        await this.#steps.pause();
        continue;
      }
      const judged = judgedNow(mirror, this.members);
      if (seen.some(({ kind }) => kind === "gone")) return this.#gone(seen);
      for (const found of seen) if (found.kind === "holds") letIn(found);
      const waits = seen.filter((found) => found.kind === "waits");
      if (waits.length === 0 && this.#mayBeGranted()) return true;
      const patientUntil = this.callers.onlyTry ? this.#patience(waits) : undefined;
      if (patientUntil === undefined) this.#takeIn(waits);
      if (this.callers.size === 0 || this.#phase.kind === "refusing") return false;
      await this.#tellHolders(waits);
      const worth = this.#worthALook(waits);
      if (patientUntil !== undefined) worth.push({ at: patientUntil });
      await this.#steps.do((signal) => untilWorthALook(this.#parts, { worth, judged }, signal));
    }
    return false;
  }

  /** Until when who only tries waits: only idle places keep it from each of these, or such as may be. */
  #patience(waits: readonly Waits[]): Instant | undefined {
    const now = this.#parts.runtime.now();
    let first: Instant | undefined;
    for (const { of: member, contenders, rules } of waits) {
      const { stickyForMs } = rules;
      const until = member.place && idlePatience(contenders, member.place, { now, stickyForMs });
      if (until === undefined) return undefined;
      if (first === undefined || until < first) first = until;
    }
    return first;
  }

  /** All hold; the base of their fence is the one that was seen with the last of them. */
  #mayBeGranted(): boolean {
    const { installation, anew } = this.#parts.mirror;
    if (installation === undefined || anew !== undefined) {
      this.#enterPhase({ kind: "refused", why: blocked() });
      return false;
    }
    for (const { place } of this.members) if (place !== undefined) place.base = installation.base;
    return true;
  }

  /** What a look tells of those that still wait. */
  #takeIn(waits: readonly Waits[]): void {
    for (const { of: member, contenders, rules } of waits) {
      const { lock, demand, place, pool } = member;
      pool.sawHeld(lock);
      if (place === undefined) continue;
      if (!endBeyondLimits(this.callers, { lock, demand, place, contenders, rules })) {
        this.#waitsNoMore();
        return;
      }
    }
    const [last] = waits;
    if (last === undefined) return;
    const first = last.stands.kind === "delayed" ? last.stands.by : last.contenders[0];
    assert(first !== undefined, "a lock with a contender was seen without any");
    this.#blockedAt = last.of;
    const own = last.of.place?.key;
    const waiting = waitingIn(last.contenders, last.rules.sharing, ({ key }) => key === own);
    const queued = { kind: "queued", holder: holderOf(first), waiting } as const;
    this.#enterPhase(this.callers.onlyTry ? { kind: "refusing", then: queued } : queued);
  }

  async #tellHolders(waits: readonly Waits[]): Promise<void> {
    const { store, namespace } = this.#parts;
    const told = waits.map(
      async ({ of: { lock, place }, stands, contenders, rules: { sharing } }) => {
        const before = stands.kind === "waits" ? stands.before : undefined;
        const behind = { contenders, before, sharing };
        return place === undefined
          ? undefined
          : tellHolders({ store, namespace, lock }, place, behind);
      },
    );
    await Promise.all(told);
  }

  #worthALook(waits: readonly Waits[]): Worth[] {
    const worth = waits.flatMap(({ of: { place, beside }, stands, contenders }) =>
      place === undefined ? [] : [worthALook(place, stands, { line: beside.line, contenders })],
    );
    if (worth.length > 0) return worth;
    const [place] = this.members.flatMap((member) => member.place ?? []);
    return place === undefined ? [] : [{ gone: place }];
  }

  /** A place is not in etcd any more although nobody here removed it: the others go, too. */
  #gone(seen: readonly Found<SetMember>[]): false {
    for (const { kind, of: member } of seen) {
      const { place, lock } = member;
      if (kind !== "gone" || place === undefined) continue;
      tookAway(this.#parts.runtime.log, lock, place);
    }
    return false;
  }

  async #serve(session: Session): Promise<void> {
    const marked = await markMembers(this.#parts, this.members, {
      tell: ({ demand, place }) => this.#tell(session, demand, place?.base ?? 0n),
      isWanted: () => this.callers.size > 0,
      silent: () => {
        this.#enterPhase({ kind: "unseen" });
      },
    });
    if (marked?.kind === "refused") return this.#leaveUnmarked(marked.reason);
    if (marked !== undefined) session.seats.spoil();
    const grant = marked === undefined ? this.#grantNow(session) : undefined;
    if (grant === undefined) {
      await this.#leave();
      return;
    }
    const why = await grant.passed;
    this.#count((counters) => {
      countEnd(counters, why);
    });
    if (!grant.endedCleanly)
      for (const { place } of this.members) if (place?.mark !== undefined) place.leaveMark();
    if (why === "sessionLost" || this.#session !== session) grant.lose();
    else await this.#leave(grant);
  }

  /** Who has no time left hears why when the places are gone: of them nothing is left. Else nobody can be told that. */
  async #leaveUnmarked(why: StoreRefusal): Promise<void> {
    const freed = await this.#leave();
    if (freed === "unknown") this.callers.endAll({ kind: "unknown" });
    this.#enterPhase({ kind: "refused", why: storeRefused(why) });
    await this.#steps.pause();
  }

  /** Undefined: nobody is left who may be granted them. */
  #grantNow(session: Session): Grant | undefined {
    const { first: caller } = this.callers;
    if (caller === undefined || this.#session !== session || !session.isAlive()) return undefined;
    if (this.members.some(({ isBroken }) => isBroken)) {
      session.seats.spoil();
      return undefined;
    }
    const rules: Rules[] = [];
    try {
      for (const [pool, { length }] of Map.groupBy(this.members, (member) => member.pool)) {
        const ofPool = rulesServed(this.#parts.mirror, pool.name);
        const refusal = pool.tooManyGrants(ofPool, length);
        if (refusal !== undefined) throw refusal;
        rules.push(ofPool);
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.callers.end(caller, error);
      return undefined;
    }
    const grant = grantOnSet(this.members, this.#parts, { request: caller.request, rules });
    this.#count((counters) => (counters.granted += 1));
    this.callers.remove(caller);
    for (const member of this.members) member.beside.waits(member, false);
    this.#enterPhase({ kind: "holding", grant });
    caller.grant(() => grant.delivered());
    this.#describe(session);
    return grant;
  }

  /** Deletes what stands of its places, each by itself, and waits for that. */
  async #leave(grant?: Grant): Promise<Freed> {
    const was = this.#phase;
    this.#enterPhase({ kind: "leaving" });
    const places = this.members.flatMap(({ place }) => place ?? []);
    const freed = await Promise.all(places.map((place) => leave(this.#parts.store, place)));
    const isCertain = !freed.includes("unknown");
    if (isCertain) this.#seat?.leave();
    this.#seat = undefined;
    this.#session = undefined;
    for (const member of this.members) member.takes(undefined);
    const left = isCertain ? "released" : "unknown";
    grant?.free(left);
    if (was.kind === "refusing") this.#enterPhase(isCertain ? was.then : { kind: "settling" });
    return left;
  }

  #waitsNoMore(): void {
    for (const member of this.members) member.beside.waits(member, false);
    this.#steps.end();
  }

  #count(count: (counters: Counters) => void): void {
    for (const { pool } of this.members) count(pool.counters);
  }

  #enterPhase(phase: Phase): void {
    this.#phase = phase;
    if (this.callers.size === 0) return;
    const verdict = this.verdict();
    if (verdict !== undefined) this.callers.endOverdue(verdict);
  }

  /** Observers are told that all is held: as the places were made, they wait. */
  #describe(session: Session): void {
    for (const member of this.members) {
      const { place, demand } = member;
      const tell = () => this.#tell(session, demand, place?.base ?? 0n);
      place?.describe(tell, () => {
        if (member.place === place) member.broken();
      });
    }
  }

  #tell(session: Session, demand: Demand, base: bigint): ContenderValue {
    const { runtime, pod } = this.#parts;
    const { callers, grants } = this;
    const isNew = grants.length === 0;
    return {
      ...contenderValue({
        ...{ runtime, pod, session, base, callers, demand, grants, isNew },
        ...{ handovers: 0, isOwn: true },
      }),
      set: isNew ? "waiting" : "held",
      localWaiters: 0,
    };
  }
}
