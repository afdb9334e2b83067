/** What a pool's locks did in this process since its start: for metrics. */
import type { GrantEnd } from "./views.ts";

export interface Counters {
  granted: number;
  /** Grants that ended, in whatever way. */
  over: number;
  released: number;
  /** Ended by ttl or maxHold. */
  expired: number;
  /** Ended with their session. */
  lost: number;
  /** Ended because somebody asked for them. */
  revoked: number;
  /** Ended because somebody deleted their places, whatever was promised. */
  broken: number;
  /** Ended because nobody read the stream that they lived by. */
  slow: number;
  /** Waits whose caller went away. */
  abandoned: number;
  /** Waits that ended without a grant. */
  timedOut: number;
  /** Grants that passed from one local caller to the next without a write. */
  handovers: number;
}

export function newCounters(): Counters {
  return {
    granted: 0,
    over: 0,
    released: 0,
    expired: 0,
    lost: 0,
    revoked: 0,
    broken: 0,
    slow: 0,
    abandoned: 0,
    timedOut: 0,
    handovers: 0,
  };
}

export function countEnd(counters: Counters, why: GrantEnd): void {
  counters.over += 1;
  switch (why) {
    case "released":
    case "revoked":
    case "broken":
    case "slow":
      counters[why] += 1;
      return;
    case "expired":
    case "maxHold":
      counters.expired += 1;
      return;
    case "sessionLost":
      counters.lost += 1;
      return;
    case "drained":
    case "undelivered":
      return;
    default:
      why satisfies never;
  }
}
