/**
 * A cohort's waiting in etcd: from when its place stands in the lock's queue until that holds, or is to be left. Each look is
 * judged anew; what a look tells decides what is waited for, and who is told that somebody stands behind him.
 */
import { assert } from "../refusal.ts";
import type { Beside, CohortParts, CohortPool } from "./around.ts";
import type { Callers } from "./callers.ts";
import type { Contender } from "./contender.ts";
import { idlePatience } from "./idle.ts";
import type { Lock } from "./keys.ts";
import { tookAway } from "./leave.ts";
import { endBeyondLimits } from "./limits.ts";
import { look, waitingIn, type Look } from "./look.ts";
import { inTheWay, standingBehind, type PoolMarks, type Stand } from "./marks.ts";
import { leaveNote } from "./notes.ts";
import type { Demand } from "./order.ts";
import type { Others } from "./others.ts";
import type { Phase } from "./phase.ts";
import type { Place } from "./place.ts";
import { blocked } from "./refusals.ts";
import { rulesServed, type Rules } from "./rules.ts";
import type { Steps } from "./steps.ts";
import { holderOf } from "./tell.ts";
import { untilWorthALook, worthALook } from "./wait.ts";

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

  constructor(parts: CohortParts, pool: QueueingPool, of: QueueingOf) {
    this.#parts = parts;
    this.#pool = pool;
    this.#of = of;
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
      const atLeast = place.created;
      const seen = await this.#of.steps.do(
        (signal) =>
          this.#of.beside?.looks.look(atLeast, signal) ??
          look(this.#parts, { lock, atLeast }, signal),
      );
      if (seen === undefined) {
        if (this.#of.phase().kind === "looking") this.#of.enterPhase({ kind: "unseen" });
        await this.#of.steps.pause();
        continue;
      }
      const { version } = mirror;
      const { sharing, stickyForMs } = this.#rules();
      const { ghosts, spent } = this.#orphans(seen);
      const stands = standingBehind(seen.contenders, ghosts, { mine: place, sharing });
      if (stands.kind === "gone" || !this.#of.stands(place)) return this.#gone(place);
      const { onlyTry } = this.#of.callers;
      const patience = { now: this.#parts.runtime.now(), stickyForMs };
      const patientUntil = onlyTry ? idlePatience(seen.contenders, place, patience) : undefined;
      if (patientUntil === undefined && this.#takeIn(place, seen, stands)) {
        for (const orphan of spent) this.#pool.sweep(orphan);
        return true;
      }
      if (this.#of.callers.size === 0 || this.#of.phase().kind === "refusing") return false;
      const before = stands.kind === "waits" ? stands.before : undefined;
      // At every look, for a note can be lost: whoever is not told of us may pass the lock on for ever.
      if (before !== undefined)
        place.noted(await leaveNote({ store, namespace, lock }, place.session, before.session));
      const worth = [worthALook(place, stands, this.#of.beside?.line)];
      if (patientUntil !== undefined) worth.push({ at: patientUntil });
      await this.#of.steps.do((signal) => untilWorthALook(this.#parts, { worth, version }, signal));
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
    this.#of.others.saw(waitingIn(contenders, rules.sharing, place.key));
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

  /** The place is not in etcd any more although nobody here removed it. */
  #gone(place: Place): false {
    tookAway(this.#parts.runtime.log, this.#of.lock, place);
    return false;
  }

  #rules(): Rules {
    return rulesServed(this.#parts.mirror, this.#of.lock.pool);
  }
}
