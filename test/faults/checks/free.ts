/**
 * What was given back is free: who tries, is told that the lock is held, and has begun to ask after everybody else was known to
 * be gone, was told wrong. So a release is answered only when it is done, and of a set that was refused nothing is kept.
 */
import {
  byLock,
  byRequest,
  type Attempt,
  type FaultSpan,
  type Grant,
  type History,
} from "../history/history.ts";
import { settlingMs } from "./served.ts";
import { ms, type Violation } from "./violation.ts";

export function free({ attempts, grants, faults }: History): Violation[] {
  const granted = new Map(grants.map((grant) => [grant.attempt.op, grant]));
  const ofLock = byLock(attempts, ({ lock }) => lock);
  return byRequest(attempts).flatMap((together) => {
    if (!together.every(isJudged) || together.some((one) => mayMeetItself(one, faults))) return [];
    const mayStand = together.some(({ lock, askedMs, settledMs = Infinity }) =>
      (ofLock.get(lock) ?? []).some(
        (other) =>
          !together.includes(other) &&
          other.askedMs < settledMs &&
          goneMs(other, granted.get(other.op)) >= askedMs,
      ),
    );
    return mayStand ? [] : [wrong(together, ofLock)];
  });
}

/**
 * Who waits is told before its place is gone. A pod that keeps what it does not use is given a moment to give it up, and may
 * stand still for longer.
 */
function isJudged({ outcome, waitMs, repeated, isSticky }: Attempt): boolean {
  return outcome === "held" && waitMs === 0 && !repeated && !isSticky;
}

/**
 * Its sidecar may have lost its session meanwhile, and have entered anew under the next, behind the place that it had under the
 * former: that one stands until its lease ends.
 */
function mayMeetItself(
  { pod, holderPod, settledMs = Infinity }: Attempt,
  faults: readonly FaultSpan[],
): boolean {
  const mayHaveLostIt = faults.some(
    ({ beginsMs, endsMs }) => beginsMs < settledMs && endsMs > settledMs - settlingMs,
  );
  return holderPod === pod && mayHaveLostIt;
}

/** From when on it is known to have nothing in the lock's queue any more. */
function goneMs({ outcome, waitMs, settledMs, repeated }: Attempt, grant?: Grant): number {
  if (grant !== undefined) return grant.releasedMs ?? Infinity;
  // Who waited is told before its place is gone; who only tried, afterwards.
  return outcome === "held" && waitMs === 0 && !repeated ? (settledMs ?? Infinity) : Infinity;
}

function wrong(
  together: readonly Attempt[],
  ofLock: ReadonlyMap<string, readonly Attempt[]>,
): Violation {
  const [{ op, askedMs, set = op } = { op: "", askedMs: 0 }] = together;
  const locks = together.map(({ lock }) => lock);
  const what = `${locks.join(", ")}: ${set} asked at ${ms(askedMs)} and was told that it is held, though all others had gone`;
  const ops = locks.flatMap((lock) => ofLock.get(lock) ?? []).map((attempt) => attempt.op);
  return { rule: "free", atMs: askedMs, ops, what };
}
