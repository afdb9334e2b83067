/**
 * Leadership of a lock, turn by turn: who holds it leads. A turn ends with its loop's body, and the lock is given back; then one
 * stands for election again, behind those who wait.
 */
import type { AcquireOptions, ElectOptions } from "./acquire-options.ts";
import { backoffMs } from "./backoff.ts";
import { closed, HoldfastError } from "./error.ts";
import type { Grant } from "./grant.ts";
import type { Office } from "./office.ts";
import { pause } from "./runtime.ts";
import { mayPass } from "./watching.ts";

/** A wait that is over is begun anew, until one leads. */
const standsFor = "30s";

export interface Elected {
  readonly options: ElectOptions;
  /** Ends the candidacy; a turn that is under way ends with the loop's body all the same. */
  readonly signal: AbortSignal;
  readonly acquire: (options: AcquireOptions) => Promise<Grant>;
}

/** @throws HoldfastError what does not pass by itself, such as `pool_not_found` */
export async function* elect(
  office: Office,
  { options, signal, acquire }: Elected,
): AsyncGenerator<Grant, void> {
  while (!signal.aborted) {
    const grant = await turn();
    if (grant === undefined) break;
    try {
      yield grant;
    } finally {
      await grant.release().catch(office.warn);
    }
  }
  if (office.isClosed) throw closed();

  /** undefined: nobody stands any more. */
  async function turn(): Promise<Grant | undefined> {
    for (let tries = 0; !signal.aborted; tries++) {
      try {
        return await acquire({ ...options, wait: options.wait ?? standsFor, signal });
      } catch (error) {
        if (signal.aborted) return undefined;
        // A wait that is over is no failure; where it was short, the next is not to follow at once.
        if (HoldfastError.is(error, "lock_held")) tries = 0;
        else if (!mayPass(error) && !HoldfastError.is(error, "grant_lost")) throw error;
        await pause(office.runtime, backoffMs(office.runtime, tries), { signal });
      }
    }
    return undefined;
  }
}
