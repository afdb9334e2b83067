/**
 * Who is told that nothing was done has no place in etcd under the session that told so, and gets none later. (A place under
 * a session that is lost goes with its lease.) Judged where nobody else of that sidecar wanted the lock at the time: of those
 * with places of their own, also where nobody before went with his own under way.
 */
import type { Attempt, History, PlaceMade, Violation } from "../history.ts";

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

function contradicts(
  { lock, session, arrivedMs, settledMs = 0 }: Attempt,
  place: PlaceMade,
): boolean {
  const { madeMs, goneMs = Infinity } = place;
  return (
    place.lock === lock && place.session === session && madeMs >= arrivedMs && goneMs > settledMs
  );
}

function isAlone(attempt: Attempt, { madeMs }: PlaceMade, { attempts }: History): boolean {
  return !attempts.some(
    ({ id, process, lock, arrivedMs, settledMs = Infinity, hasOwnPlace, outcome }) =>
      id !== attempt.id &&
      process === attempt.process &&
      lock === attempt.lock &&
      arrivedMs <= madeMs &&
      (settledMs >= attempt.arrivedMs ||
        (hasOwnPlace === true && (outcome === "unknown" || outcome === "left"))),
  );
}
