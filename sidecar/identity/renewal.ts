/** When an identity is asked for again: pure. Wall clock, since that is what a certificate ends by. */

/** Of one without a certificate, of which only the bundles grow old. */
const endlessMs = 86_400_000;

export interface IdentityTimes {
  readonly sinceMs: number;
  /** Undefined: never. */
  readonly notAfterMs: number | undefined;
}

/** From a third of its life on, by clocks that agree; never after its end. */
export function renewAtMs({ sinceMs, notAfterMs }: IdentityTimes): number {
  const lifeMs = notAfterMs === undefined ? endlessMs : Math.max(notAfterMs - sinceMs, 0);
  return Math.min(sinceMs + lifeMs / 3, notAfterMs ?? Infinity);
}

export function isOver({ notAfterMs }: IdentityTimes, nowMs: number): boolean {
  return notAfterMs !== undefined && nowMs >= notAfterMs;
}

const pause = { leastMs: 1_000, mostMs: 300_000 } as const;
/** Where there is nothing left to go on with: so long do all wait at most whose operator is back. */
const needyMsMax = 30_000;

export interface Failed {
  readonly nowMs: number;
  /** Before this one, without a success between. */
  readonly failures: number;
  /** From 0 to 1. */
  readonly chance: number;
  /** What the operator asked for. */
  readonly retryAfterMs?: number | undefined;
  /** etcd does not take what we have. */
  readonly isRefused: boolean;
}

/**
 * How long to wait after a failure: twice as long each time, but oftener where little is left. What the operator asks for is
 * waited in any case, within reason: it says so when too many come.
 */
export function retryInMs({ notAfterMs = Infinity }: IdentityTimes, failed: Failed): number {
  const { nowMs, failures, chance, retryAfterMs = 0, isRefused } = failed;
  const grownMs = Math.min(pause.leastMs * 2 ** Math.min(failures, 20), pause.mostMs);
  const leftMs = notAfterMs - nowMs;
  const isNeedy = isRefused || leftMs <= 0;
  const boundMs = isNeedy ? needyMsMax : Math.max(leftMs / 10, pause.leastMs);
  const pausedMs = Math.min(grownMs, boundMs) * (0.5 + chance);
  return Math.max(pausedMs, Math.min(retryAfterMs, pause.mostMs));
}
