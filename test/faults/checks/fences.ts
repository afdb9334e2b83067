/**
 * Fences grow in the order of grants: an exclusive one lies above all before it, a shared one above all exclusive ones before
 * it. No two grants of a lock have the same. Among those that share, and among permits, they say no more.
 *
 * The order is known where two excluded each other and both relied on the lock (then as they heard of it), and where one was
 * heard of before the other was asked for. Of others (an answer that lay unread) nothing is judged.
 */
import { byLock, lockOfGrant, wasReliedOn, type Grant, type History } from "../history/history.ts";
import { ms, type Violation } from "./violation.ts";

export function fences({ grants }: History): Violation[] {
  return [...byLock(grants, lockOfGrant).values()].flatMap((of) => [...doubles(of), ...falls(of)]);
}

function doubles(grants: readonly Grant[]): Violation[] {
  const seen = new Map<bigint, Grant>();
  return grants.flatMap((grant) => {
    const same = seen.get(grant.fence);
    seen.set(grant.fence, grant);
    return same === undefined ? [] : [wrong(grant, same, "as")];
  });
}

function falls(grants: readonly Grant[]): Violation[] {
  if (grants[0]?.attempt.sharing.mode === "Semaphore") return [];
  const violations = new Map<Grant, Violation>();
  for (const isBefore of [heardBefore, heardBeforeAsking]) {
    /** The highest so far, of all and of those that excluded all others. */
    const highest: { any?: Grant; exclusive?: Grant } = {};
    for (const { grant, before } of isBefore(grants)) {
      for (const one of before) {
        if (one.fence > (highest.any?.fence ?? -1n)) highest.any = one;
        if (isExclusive(one) && one.fence > (highest.exclusive?.fence ?? -1n))
          highest.exclusive = one;
      }
      const below = isExclusive(grant) ? highest.any : highest.exclusive;
      if (below !== undefined && grant.fence < below.fence)
        violations.set(grant, wrong(grant, below, "below"));
    }
  }
  return [...violations.values()];
}

interface Step {
  readonly grant: Grant;
  /** Those that became known to be before it since the step before. */
  readonly before: readonly Grant[];
}

/** Of those that relied on the lock. */
function heardBefore(grants: readonly Grant[]): Step[] {
  const relied = grants.filter(wasReliedOn);
  return relied.map((grant, index) => ({
    grant,
    before: relied.slice(Math.max(0, index - 1), index),
  }));
}

function heardBeforeAsking(grants: readonly Grant[]): Step[] {
  const asked = grants.toSorted((a, b) => a.attempt.askedMs - b.attempt.askedMs);
  let at = 0;
  return asked.map((grant) => {
    const from = at;
    while ((grants[at]?.atMs ?? Infinity) < grant.attempt.askedMs) at++;
    return { grant, before: grants.slice(from, at) };
  });
}

function isExclusive({ attempt: { mode } }: Grant): boolean {
  return mode === "exclusive";
}

function wrong(grant: Grant, other: Grant, how: "as" | "below"): Violation {
  const { lock, op } = grant.attempt;
  const what = `${lock}: ${op}, heard of at ${ms(grant.atMs)}, has fence ${String(grant.fence)}, ${how} that of ${other.attempt.op}, ${String(other.fence)}, heard of at ${ms(other.atMs)}`;
  return { rule: "fences", atMs: grant.atMs, ops: [other.attempt.op, op], what };
}
