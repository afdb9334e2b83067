/**
 * Every exclusive grant of a lock has a fence above all before it, and a shared one above all exclusive ones before it, also
 * when etcd began anew in between. No two grants of a lock have the same. (Among shared ones and permits it says no more.)
 */
import type { Granted, History, Violation } from "../history.ts";
import { byLock } from "./by-lock.ts";

export function fences(history: History): Violation[] {
  const violations: Violation[] = [];
  for (const [lock, grants] of byLock(history.grants)) {
    const seen = new Map<bigint, Granted>();
    let highest: Granted | undefined;
    let highestExclusive: Granted | undefined;
    for (const grant of grants) {
      if (grant.waived === "all") continue;
      const isExclusive = grant.mode === "exclusive" && grant.sharing.mode !== "Semaphore";
      const same = seen.get(grant.fence);
      const below = isExclusive ? highest : highestExclusive;
      if (same !== undefined) violations.push(wrong(lock, grant, `as ${same.id} has`));
      else if (below !== undefined && grant.fence <= below.fence)
        violations.push(wrong(lock, grant, `not above ${String(below.fence)} of ${below.id}`));
      seen.set(grant.fence, grant);
      if (highest === undefined || grant.fence > highest.fence) highest = grant;
      if (isExclusive && (highestExclusive === undefined || grant.fence > highestExclusive.fence))
        highestExclusive = grant;
    }
  }
  return violations;
}

function wrong(lock: string, { id, fence, atMs }: Granted, how: string): Violation {
  return {
    rule: "fences",
    atMs,
    what: `${lock}: ${id} has fence ${String(fence)}, ${how}`,
  };
}
