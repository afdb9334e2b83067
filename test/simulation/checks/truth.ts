/**
 * Who is told that nothing was done has no place in etcd under the session that told so, and gets none later. (A place under
 * a session that is lost goes with its lease.) Judged where nobody else of that sidecar wanted the lock at the time: where one of
 * both has a place of his own, also where nobody before went with his under way.
 */
import { locksOf, type Attempt, type History, type PlaceMade, type Violation } from "../history.ts";

const nothingDone: ReadonlySet<string> = new Set([
  "backend_unreachable",
  "backend_refused",
  "session_lost",
]);

export function truth(history: History): Violation[] {
  return history.attempts
    .filter(({ code }) => code !== undefined && nothingDone.has(code))
    .flatMap((attempt) =>
      history.places
        .filter((place) => contradicts(attempt, place) && isAlone(attempt, place, history))
        .map(({ key, madeMs }) => ({
          rule: "truth",
          atMs: Math.max(madeMs, attempt.settledMs ?? 0),
          what: `attempt ${String(attempt.id)} at ${attempt.process} heard ${String(attempt.code)}, that nothing was done, and ${key} stands`,
        })),
    );
}

function contradicts(attempt: Attempt, place: PlaceMade): boolean {
  const { session, arrivedMs, settledMs = 0 } = attempt;
  const { madeMs, goneMs = Infinity } = place;
  return (
    mayHaveMade(attempt, place) &&
    place.session === session &&
    madeMs >= arrivedMs &&
    goneMs > settledMs
  );
}

/** Places of sets are told apart by their seats. */
function mayHaveMade(attempt: Attempt, { key, lock }: PlaceMade): boolean {
  const isOfSet = /-s\d+$/.test(key);
  return isOfSet === (attempt.locks !== undefined) && locksOf(attempt).includes(lock);
}

function isAlone(attempt: Attempt, place: PlaceMade, { attempts }: History): boolean {
  const { madeMs } = place;
  return !attempts.some((other) => {
    const { id, process, arrivedMs, settledMs = Infinity, hasOwnPlace, outcome } = other;
    return (
      id !== attempt.id &&
      process === attempt.process &&
      mayHaveMade(other, place) &&
      arrivedMs <= madeMs &&
      (settledMs >= attempt.arrivedMs ||
        ((hasOwnPlace === true || attempt.hasOwnPlace === true) &&
          (outcome === "unknown" || outcome === "left")))
    );
  });
}
