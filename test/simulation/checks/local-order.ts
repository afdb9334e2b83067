/**
 * Within a sidecar, who came first is served first: nobody who came before a granted caller is left waiting at its grant. Of
 * other modes than a mutex, and of sets, each caller has a place of its own in etcd, and stands in the order of those.
 */
import type { Attempt, Granted, History, Violation } from "../history.ts";

export function localOrder(history: History): Violation[] {
  const waiting = new Map<string, Attempt[]>();
  for (const attempt of history.attempts) {
    if (attempt.locks !== undefined) continue;
    const key = `${attempt.process} ${attempt.lock}`;
    const of = waiting.get(key);
    if (of === undefined) waiting.set(key, [attempt]);
    else of.push(attempt);
  }
  const ofMutexes = history.grants.filter(({ sharing }) => sharing.mode === "Mutex");
  return ofMutexes.flatMap((grant) =>
    ofGrant(grant, waiting.get(`${grant.process} ${grant.lock}`) ?? []),
  );
}

function ofGrant(grant: Granted, attempts: readonly Attempt[]): Violation[] {
  const granted = attempts.find(({ id }) => id === grant.attempt);
  if (granted === undefined) return [];
  const queuedStep = queuedSince(granted, attempts);
  return attempts
    .filter(
      (other) =>
        other.arrivedStep < queuedStep &&
        stillWaits(other, grant) &&
        (other.requestId === undefined || other.requestId !== granted.requestId),
    )
    .map((other) => ({
      rule: "local order",
      atMs: grant.atMs,
      what: `${grant.lock}: ${grant.process} granted attempt ${String(granted.id)} while attempt ${String(other.id)}, which came before it, went on waiting`,
    }));
}

/** A request that is repeated while it still waits stands where it stood first. */
function queuedSince({ requestId, arrivedStep }: Attempt, attempts: readonly Attempt[]): number {
  if (requestId === undefined) return arrivedStep;
  return attempts
    .filter((other) => other.requestId === requestId)
    .reduceRight(
      (since, other) =>
        other.arrivedStep < since && endStep(other) >= since ? other.arrivedStep : since,
      arrivedStep,
    );
}

function endStep({ settledStep, leftStep }: Attempt): number {
  return Math.min(settledStep ?? Infinity, leftStep ?? Infinity);
}

/** After the step in which the grant was given. */
function stillWaits(attempt: Attempt, { step }: Granted): boolean {
  return endStep(attempt) > step;
}
