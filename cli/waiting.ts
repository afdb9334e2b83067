/** How many callers wait for a lock: behind a place of another pod, and behind a holder's own, may stand several. */
import type { Lock } from "#client/holdfast.ts";

export function waitingOf({ holders, waiters }: Lock): number {
  const behind = [...holders, ...waiters].reduce((sum, { localWaiters }) => sum + localWaiters, 0);
  return behind + waiters.length;
}
