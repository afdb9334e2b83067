/**
 * Everybody who asks is answered, and nobody waits in vain for a lock that is free.
 *
 * That a wait takes no longer than the holds of those before it and two seconds is what we promise on a machine that has time.
 * Here it is a figure of the report ({@link waits}): no run fails because its machine was slow. What fails is a wait that ended
 * without a grant though nobody had the lock for so long, nothing went wrong, and others were served meanwhile: so places of sets
 * that wait for each other in a circle are found, too.
 */
import {
  byLock,
  byRequest,
  lockOfGrant,
  reliedUntilMs,
  type Attempt,
  type FaultSpan,
  type Grant,
  type History,
} from "../history/history.ts";
import { ms, type Violation } from "./violation.ts";

/** Nobody had it for so long, at the end of a wait. */
const freeForMs = 8_000;
/** So many grants of other locks by the same sidecar show that the machine had time. */
const othersMin = 3;
/** After a fault: sessions of 3 s end, and leases a moment later; a new leader gives each lease its time anew. */
export const settlingMs = 6_000;

export function served(history: History): Violation[] {
  return [...unanswered(history), ...starved(history)];
}

function unanswered({ attempts, killed, endMs }: History): Violation[] {
  return attempts
    .filter(({ outcome, by }) => outcome === undefined && !killed.has(by))
    .map(({ op, lock, by, askedMs }) => ({
      rule: "served",
      atMs: endMs,
      ops: [op],
      what: `${lock}: ${op} (${by}) asked at ${ms(askedMs)} and was never answered`,
    }));
}

function starved(history: History): Violation[] {
  const { attempts, grants, faults } = history;
  const sets = byRequest(attempts.filter(({ set }) => set !== undefined));
  return byRequest(attempts).flatMap((together) => {
    const [{ op, pod, outcome, waitMs, askedMs, settledMs = 0, set = op } = nobody] = together;
    if (outcome !== "held" || waitMs < freeForMs) return [];
    const from = settledMs - freeForMs;
    if (from < askedMs || isTroubled(faults, from - settlingMs, settledMs)) return [];
    const locks = together.map(({ lock }) => lock);
    const all = waitedFor(locks, sets, { fromMs: from, untilMs: settledMs });
    const isUsed = grants.some(
      (grant) => all.has(lockOfGrant(grant)) && grant.atMs < settledMs && goneMs(grant) > from,
    );
    // Of these nobody knows what they had, and for how long.
    const isDoubtful = attempts.some(
      (other) =>
        all.has(other.lock) &&
        other.askedMs < settledMs &&
        ["unknown", undefined].includes(other.outcome) &&
        // This ended with its connection, whatever became of it.
        other.hold !== "connection",
    );
    const others = grants.filter(
      (grant) => grant.attempt.pod === pod && grant.atMs > from && grant.atMs < settledMs,
    );
    if (isUsed || isDoubtful || others.length < othersMin) return [];
    const what = `${locks.join(", ")}: ${set} waited from ${ms(askedMs)} to ${ms(settledMs)} in vain, though nobody had it for the last ${ms(freeForMs)}`;
    return [{ rule: "served", atMs: settledMs, ops: together.map((one) => one.op), what }];
  });
}

const nobody: Pick<Attempt, "op" | "pod" | "waitMs" | "askedMs"> & Partial<Attempt> = {
  ...{ op: "", pod: "", waitMs: 0, askedMs: 0 },
};

/** These locks, and those that sets which want one of them wait for meanwhile, and so on: who has one of these keeps all. */
function waitedFor(
  locks: readonly string[],
  sets: readonly (readonly Attempt[])[],
  { fromMs, untilMs }: { readonly fromMs: number; readonly untilMs: number },
): ReadonlySet<string> {
  const all = new Set(locks);
  const waiting = sets.filter((set) =>
    set.some(({ askedMs, settledMs = Infinity }) => askedMs < untilMs && settledMs > fromMs),
  );
  for (let before = -1; before < all.size;) {
    before = all.size;
    for (const set of waiting)
      if (set.some(({ lock }) => all.has(lock))) for (const { lock } of set) all.add(lock);
  }
  return all;
}

export interface Waits {
  /** Grants after a wait that no fault overlapped. */
  readonly judged: number;
  /** Of these, how many took longer than others held the lock meanwhile, and two seconds. */
  readonly late: number;
  /** The longest part of such a wait in which nobody held the lock. */
  readonly longestIdleMs: number;
}

export const promisedMs = 2_000;

export function waits({ grants, faults }: History): Waits {
  const idle = [...byLock(grants, lockOfGrant).values()].flatMap((of) => {
    const held = new Held(of);
    return of.flatMap(({ atMs, attempt: { askedMs, waitMs } }) =>
      waitMs === 0 || isTroubled(faults, askedMs - settlingMs, atMs)
        ? []
        : [atMs - askedMs - held.within(askedMs, atMs)],
    );
  });
  return {
    judged: idle.length,
    late: idle.filter((idleMs) => idleMs > promisedMs).length,
    longestIdleMs: Math.round(idle.reduce((most, one) => Math.max(most, one), 0)),
  };
}

/** When somebody had a lock: stretches that do not overlap. */
class Held {
  readonly #stretches: { readonly fromMs: number; readonly untilMs: number }[] = [];

  constructor(grants: readonly Grant[]) {
    let until = -Infinity;
    for (const grant of grants) {
      const { atMs, releasedMs = reliedUntilMs(grant) } = grant;
      if (releasedMs <= until) continue;
      this.#stretches.push({ fromMs: Math.max(atMs, until), untilMs: releasedMs });
      until = releasedMs;
    }
  }

  within(fromMs: number, untilMs: number): number {
    let sum = 0;
    for (let at = this.#firstAfter(fromMs); at < this.#stretches.length; at++) {
      const stretch = this.#stretches[at];
      if (stretch === undefined || stretch.fromMs >= untilMs) break;
      sum += Math.min(untilMs, stretch.untilMs) - Math.max(fromMs, stretch.fromMs);
    }
    return sum;
  }

  /** The first that ends after that moment. */
  #firstAfter(ms: number): number {
    let [low, high] = [0, this.#stretches.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#stretches[middle]?.untilMs ?? Infinity) > ms) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function goneMs(grant: Grant): number {
  const { releasedMs, closedMs } = grant;
  return (
    releasedMs ?? closedMs ?? (grant.releasingMs === undefined ? reliedUntilMs(grant) : Infinity)
  );
}

function isTroubled(faults: readonly FaultSpan[], fromMs: number, untilMs: number): boolean {
  return faults.some(({ beginsMs, endsMs }) => beginsMs < untilMs && endsMs > fromMs);
}
