/** Waits that a pool's rules, as they are now, do not let go on. */
import type { Callers } from "./callers.ts";
import type { Contender } from "./contender.ts";
import type { Lock } from "./keys.ts";
import { waitingBefore } from "./look.ts";
import type { Demand } from "./order.ts";
import type { Place } from "./place.ts";
import { permitsExceed, tooManyWait } from "./refusals.ts";
import type { Rules } from "./rules.ts";

export interface Waiting {
  readonly lock: Lock;
  readonly demand: Demand;
  readonly place: Place;
  /** Of the lock, as a look showed them. */
  readonly contenders: readonly Contender[];
  readonly rules: Rules;
}

/** Returns whether what is wanted can be had at all. */
export function endBeyondLimits(
  callers: Callers,
  { lock, demand, place, contenders, rules }: Waiting,
): boolean {
  if (demand.permits > rules.sharing.permits) {
    // Its own sidecar knows that it was never let in: nobody else may pass it over.
    callers.endAll(permitsExceed(lock, demand.permits, rules));
    return false;
  }
  // Where too many came in together, the first of them stay.
  if (waitingBefore(contenders, rules.sharing, place) >= rules.limits.waitersPerLock)
    for (const caller of [...callers])
      if (!caller.trying) callers.end(caller, tooManyWait(lock, rules));
  return true;
}
