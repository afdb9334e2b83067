/**
 * A wait that is ended to break a circle of owners was in one: each of its waits was waited, at one time not long ago, for a
 * lock that an owner of the circle stood before. Of one circle one wait is ended, the youngest, whoever looks.
 */
import type { Attempt, History, Violation } from "../history.ts";

/** From the snapshot to the end of the wait that it shows: what a read may take. */
const snapshotMs = 5_500;
/** A circle is seen after a second, else within six and a quarter; then its victim is told. */
const brokenWithinMs = 8_000;

export function deadlocks({ attempts }: History): Violation[] {
  const ended = attempts.filter(({ circle }) => circle !== undefined);
  const victims = new Map<string, Attempt>();
  return ended.flatMap((attempt) => {
    const { circle = [], settledMs = 0 } = attempt;
    const wrong = (what: string): Violation => ({
      rule: "deadlocks",
      atMs: settledMs,
      what: `attempt ${String(attempt.id)} of '${attempt.owner ?? ""}' for ${attempt.lock} at ${attempt.process}: ${what}`,
    });
    const violations: Violation[] = [];
    for (const { owner, lock, behind } of circle) {
      const waited = attempts.some(
        (other) => other.owner === owner && mayWaitFor(other, lock, settledMs),
      );
      if (!waited) violations.push(wrong(`'${owner}' did not wait for ${lock}`));
      for (const one of behind)
        if (!circle.some((wait) => wait.owner === one))
          violations.push(wrong(`'${owner}' waits for '${one}', who is not in the circle`));
    }
    if (!circle.some(({ owner }) => owner === attempt.owner))
      violations.push(wrong("it is not in its circle"));
    const text = circle.map(({ owner, lock, since }) => `${owner} ${lock} ${String(since)}`);
    const key = text.sort().join();
    const other = victims.get(key);
    const isSame = other?.requestId !== undefined && other.requestId === attempt.requestId;
    if (other !== undefined && !isSame)
      violations.push(wrong(`attempt ${String(other.id)} was ended for it, too`));
    victims.set(key, attempt);
    return violations;
  });
}

function mayWaitFor(attempt: Attempt, lock: string, atMs: number): boolean {
  const { arrivedMs, settledMs = Infinity, locks = [attempt.lock] } = attempt;
  return locks.includes(lock) && arrivedMs <= atMs && settledMs >= atMs - snapshotMs;
}

/** Where nothing goes wrong no owner waits for long for himself, who holds the lock for as long as that. */
export function unbroken({ attempts, grants }: History): Violation[] {
  return attempts.flatMap((attempt) => {
    const { owner, lock, process, arrivedMs, settledMs = Infinity, locks } = attempt;
    if (owner === undefined || locks !== undefined) return [];
    const own = grants.filter(
      (grant) =>
        grant.lock === lock &&
        grant.mode === "exclusive" &&
        grant.sharing.mode !== "Semaphore" &&
        attempts[grant.attempt]?.owner === owner &&
        grant.atMs < arrivedMs &&
        Math.min(settledMs, ...heldUntil(grant)) > arrivedMs + brokenWithinMs,
    );
    return own.map(({ id }) => ({
      rule: "deadlocks",
      atMs: arrivedMs + brokenWithinMs,
      what: `'${owner}' waits at ${process} for ${lock}, which he holds as ${id}, and is not told`,
    }));
  });
}

function heldUntil({ claims, releasedMs }: History["grants"][number]): number[] {
  return [releasedMs ?? Math.max(0, ...claims.map(({ untilMs }) => untilMs))];
}
