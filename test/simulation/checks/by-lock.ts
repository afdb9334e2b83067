import type { Granted } from "../history.ts";

/** Grants in the order in which they were given, lock by lock. */
export function byLock(grants: readonly Granted[]): ReadonlyMap<string, readonly Granted[]> {
  const locks = new Map<string, Granted[]>();
  for (const grant of grants) {
    const of = locks.get(grant.lock);
    if (of === undefined) locks.set(grant.lock, [grant]);
    else of.push(grant);
  }
  return locks;
}
