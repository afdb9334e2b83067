/**
 * A cohort's waiting in etcd: from when its place stands in the lock's queue until that holds, or is to be left. Each look is
 * judged anew; what a look tells decides what is waited for, and who is told that somebody stands behind him.
 */
import { assert } from "../refusal.ts";
import type { Beside, CohortParts, CohortPool } from "./around.ts";
import type { Callers } from "./callers.ts";
import type { Contender } from "./contender.ts";
import { idlePatience } from "./idle.ts";
import { Line } from "./line.ts";
import type { Lock } from "./keys.ts";
import { tookAway } from "./leave.ts";
import { endBeyondLimits } from "./limits.ts";
import { look, waitingIn, type Look } from "./look.ts";
import { inTheWay, standingBehind, type PoolMarks, type Stand } from "./marks.ts";
import { tellHolders } from "./notes.ts";
import { holders, standing, type Demand } from "./order.ts";
import type { Others } from "./others.ts";
import type { Phase } from "./phase.ts";
import type { Place } from "./place.ts";
import { blocked } from "./refusals.ts";
import { rulesServed, type Rules } from "./rules.ts";
import type { Steps } from "./steps.ts";
import { holderOf } from "./tell.ts";
import { judgedNow, untilWorthALook, worthALook } from "./wait.ts";

/** The cohort that it is for. */
export interface QueueingOf {
  readonly lock: Lock;
  readonly demand: Demand;
  readonly beside: Pick<Beside<unknown>, "line" | "looks"> | undefined;
  readonly callers: Callers;
  readonly others: Others;
  readonly steps: Steps;
  readonly phase: () => Phase;
  readonly enterPhase: (phase: Phase) => void;
  /** Whether it is still the cohort's place. */
  readonly stands: (place: Place) => boolean;
}

type QueueingPool = Pick<CohortPool<unknown>, "marks" | "sawHeld" | "sweep">;

export class Queueing {
  readonly #parts: CohortParts;
  readonly #pool: QueueingPool;
  readonly #of: QueueingOf;
  #ownLine: Line | undefined;

  constructor(parts: CohortParts, pool: QueueingPool, of: QueueingOf) {
    this.#parts = parts;
    this.#pool = pool;
    this.#of = of;
  }

  get #line(): Line {
    const { mirror, followings } = this.#parts;
    return (this.#ownLine ??=
      this.#of.beside?.line ?? new Line({ mirror, followings, lock: this.#of.lock }));
  }

  /** Where all that are here only try, and the lock was lately seen held, they are answered by a read. */
  async findsItHeld(): Promise<boolean> {
    // What is told of a place that may be idle may be old: it is asked.
    if (this.#rules().stickyForMs > 0) return false;
    this.#of.enterPhase({ kind: "looking" });
    const seen = await this.#of.steps.do((signal) =>
      look(this.#parts, { lock: this.#of.lock }, signal),
    );
    if (seen === undefined) return false;
    const { sharing } = this.#rules();
    const first = inTheWay(seen.contenders, this.#orphans(seen).ghosts, [this.#of.demand, sharing]);
    if (first === undefined) return false;
    const waiting = waitingIn(seen.contenders, sharing);
    this.#of.enterPhase({ kind: "queued", holder: holderOf(first), waiting });
    return true;
  }

  #orphans(seen: Look): ReturnType<PoolMarks["orphans"]> {
    return this.#pool.marks.orphans(this.#of.lock, seen, this.#parts.runtime.now());
  }

  /** Waits until the place holds the lock. False: it does not, and is to be left. */
  async untilItHolds(place: Place): Promise<boolean> {
    const { lock } = this.#of;
    const { store, mirror, namespace } = this.#parts;
    this.#of.enterPhase({ kind: "looking" });
    while (this.#of.callers.size > 0 && this.#of.stands(place) && place.session.isAlive()) {
      const followed = await this.#seenWaiting(place);
      const looked = followed === undefined ? await this.#look(place) : undefined;
      const contenders = followed ?? looked?.contenders;
      if (contenders === undefined) {
        if (this.#of.phase().kind === "looking") this.#of.enterPhase({ kind: "unseen" });
        await this.#of.steps.pause();
        continue;
      }
      const judged = judgedNow(mirror, [this.#of]);
      const { sharing, stickyForMs } = this.#rules();
      const { ghosts, spent } = looked === undefined ? noOrphans : this.#orphans(looked);
      const stands = standingBehind(contenders, ghosts, { mine: place, sharing });
      if (stands.kind === "gone" || !this.#of.stands(place)) return this.#gone(place);
      const { onlyTry } = this.#of.callers;
      const patience = { now: this.#parts.runtime.now(), stickyForMs };
      const patientUntil = onlyTry ? idlePatience(contenders, place, patience) : undefined;
      if (patientUntil === undefined && this.#takeIn(place, contenders, stands)) {
        for (const orphan of spent) this.#pool.sweep(orphan);
        return true;
      }
      if (this.#of.callers.size === 0 || this.#of.phase().kind === "refusing") return false;
      const before = stands.kind === "waits" ? stands.before : undefined;
      await tellHolders({ store, namespace, lock }, place, { contenders, before, sharing });
      const worth = [worthALook(place, stands, { line: this.#line, contenders })];
      if (patientUntil !== undefined) worth.push({ at: patientUntil });
      await this.#of.steps.do((signal) => untilWorthALook(this.#parts, { worth, judged }, signal));
    }
    return false;
  }

  #look({ created: atLeast }: Place): Promise<Look | undefined> {
    const { lock, beside, steps } = this.#of;
    return steps.do(
      (signal) =>
        beside?.looks.look(atLeast, signal) ?? look(this.#parts, { lock, atLeast }, signal),
    );
  }

  /**
   * A new place that waits, as a watch tells that goes on from an earlier turn. Whether it holds is never judged by that, nor
   * what is told to who has no time left.
   */
  async #seenWaiting(place: Place): Promise<readonly Contender[] | undefined> {
    const { lock, callers, steps, phase } = this.#of;
    if (callers.onlyTry || phase().kind !== "looking") return undefined;
    const { followings } = this.#parts;
    const copy = await steps.do((signal) => followings.showing(lock, place.created, signal));
    if (copy === undefined || callers.onlyTry) return undefined;
    const contenders = [...copy.contenders.values()];
    const stands = standing(contenders, place, this.#rules().sharing);
    return stands.kind === "waits" ? contenders : undefined;
  }

  /** What a look tells: who holds, how many wait, and whether this place may be granted on. */
  #takeIn(place: Place, contenders: readonly Contender[], stands: Stand<Contender>): boolean {
    const { mirror } = this.#parts;
    const rules = this.#rules();
    const holds = stands.kind === "holds";
    const first = stands.kind === "delayed" ? stands.by : contenders[0];
    assert(first !== undefined, "a lock with a contender was seen without any");
    const last = contenders.at(-1);
    // Who holds beside it waits for nothing.
    const othersWait = last !== undefined && !holders(contenders, rules.sharing).has(last);
    if (othersWait && last.key !== place.key) place.noticeOthers();
    this.#of.others.saw(waitingIn(contenders, rules.sharing, (one) => this.#isCounted(place, one)));
    const { installation } = mirror;
    if (holds && installation !== undefined && mirror.anew === undefined) {
      place.base = installation.base;
      return true;
    }
    if (holds) {
      this.#of.enterPhase({ kind: "refused", why: blocked() });
      return false;
    }
    this.#pool.sawHeld(this.#of.lock);
    const { callers, lock, demand } = this.#of;
    if (!endBeyondLimits(callers, { lock, demand, place, contenders, rules })) return false;
    const { waiting } = this.#of.others;
    const queued = { kind: "queued", holder: holderOf(first), waiting } as const;
    this.#of.enterPhase(this.#of.callers.onlyTry ? { kind: "refusing", then: queued } : queued);
    return false;
  }

  /** Whether those who wait there are counted where callers of this process are. */
  #isCounted(place: Place, { key, session, isOwn }: Contender): boolean {
    const isBeside = this.#of.beside !== undefined && isOwn && session === place.session.id;
    return key === place.key || isBeside;
  }

  /** The place is not in etcd any more although nobody here removed it. */
  #gone(place: Place): false {
    tookAway(this.#parts.runtime.log, this.#of.lock, place);
    return false;
  }

  #rules(): Rules {
    return rulesServed(this.#parts.mirror, this.#of.lock.pool);
  }
}

/** What a watch tells of a lock has no markers in it: they can only keep a place waiting that it shows as waiting. */
const noOrphans = { ghosts: [], spent: [] };
