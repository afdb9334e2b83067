/** Within a sidecar, who came first is served first: nobody who came before a granted caller is left waiting at its grant. */
import type { Attempt, Granted, History, Violation } from "../history.ts";

export function localOrder(history: History): Violation[] {
  const waiting = new Map<string, Attempt[]>();
  for (const attempt of history.attempts) {
    const key = `${attempt.process} ${attempt.lock}`;
    const of = waiting.get(key);
    if (of === undefined) waiting.set(key, [attempt]);
    else of.push(attempt);
  }
  return history.grants.flatMap((grant) =>
    ofGrant(grant, waiting.get(`${grant.process} ${grant.lock}`) ?? []),
  );
}

function ofGrant(grant: Granted, attempts: readonly Attempt[]): Violation[] {
  // A request that was repeated stands where it stood first.
  const granted = attempts.find(
    ({ id, requestId, outcome, grantId }) =>
      id === grant.attempt ||
      (requestId !== undefined && outcome === "granted" && grantId === grant.id),
  );
  if (granted === undefined) return [];
  return attempts
    .filter(
      (other) =>
        other.arrivedStep < granted.arrivedStep &&
        stillWaits(other, grant) &&
        (other.requestId === undefined || other.requestId !== granted.requestId),
    )
    .map((other) => ({
      rule: "local order",
      atMs: grant.atMs,
      what: `${grant.lock}: ${grant.process} granted attempt ${String(granted.id)} while attempt ${String(other.id)}, which came before it, went on waiting`,
    }));
}

/** After the step in which the grant was given. */
function stillWaits({ settledStep, leftStep }: Attempt, { step }: Granted): boolean {
  return (settledStep ?? Infinity) > step && (leftStep ?? Infinity) > step;
}
