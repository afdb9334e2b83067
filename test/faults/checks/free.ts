/**
 * What was given back is free: who tries, is told that the lock is held, and has begun to ask after everybody else was known to
 * be gone, was told wrong. So a release is answered only when it is done.
 */
import { byLock, type Attempt, type Grant, type History } from "../history/history.ts";
import { ms, type Violation } from "./violation.ts";

export function free({ attempts, grants }: History): Violation[] {
  const granted = new Map(grants.map((grant) => [grant.attempt.op, grant]));
  return [...byLock(attempts, ({ lock }) => lock).values()].flatMap((of) =>
    of.flatMap((attempt) => {
      // Who waits may enter anew under another session of its sidecar, behind the place that it had under the former.
      if (attempt.outcome !== "held" || attempt.waitMs > 0 || attempt.repeated) return [];
      const { askedMs, settledMs = Infinity } = attempt;
      const mayStand = of.some(
        (other) =>
          other !== attempt &&
          other.askedMs < settledMs &&
          goneMs(other, granted.get(other.op)) >= askedMs,
      );
      return mayStand ? [] : [wrong(attempt, of)];
    }),
  );
}

/** From when on it is known to have nothing in the lock's queue any more. */
function goneMs({ outcome, waitMs, settledMs, repeated }: Attempt, grant?: Grant): number {
  if (grant !== undefined) return grant.releasedMs ?? Infinity;
  // Who waited is told before its place is gone; who only tried, afterwards.
  return outcome === "held" && waitMs === 0 && !repeated ? (settledMs ?? Infinity) : Infinity;
}

function wrong({ lock, op, askedMs }: Attempt, of: readonly Attempt[]): Violation {
  const what = `${lock}: ${op} asked at ${ms(askedMs)} and was told that it is held, though all others had gone`;
  return { rule: "free", atMs: askedMs, ops: of.map((attempt) => attempt.op), what };
}
