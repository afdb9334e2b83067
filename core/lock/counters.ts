/** What a pool's locks did in this process since its start: for metrics. */
export interface Counters {
  granted: number;
  /** Grants that ended, in whatever way. */
  over: number;
  released: number;
  /** Ended by ttl or maxHold. */
  expired: number;
  /** Ended with their session. */
  lost: number;
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
    abandoned: 0,
    timedOut: 0,
    handovers: 0,
  };
}
