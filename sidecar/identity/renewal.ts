/** When an identity is asked for again: pure. Wall clock, since that is what a certificate ends by. */

/** Of one without a certificate, of which only the bundles grow old. */
const endlessMs = 86_400_000;

export interface IdentityTimes {
  readonly sinceMs: number;
  /** Undefined: never. */
  readonly notAfterMs: number | undefined;
}

/** From a third of its life on. */
export function renewAtMs({ sinceMs, notAfterMs }: IdentityTimes): number {
  const lifeMs = notAfterMs === undefined ? endlessMs : Math.max(notAfterMs - sinceMs, 0);
  return sinceMs + lifeMs / 3;
}

export function isOver({ notAfterMs }: IdentityTimes, nowMs: number): boolean {
  return notAfterMs !== undefined && nowMs >= notAfterMs;
}

/** After a failure: `wantedMs`, but oftener where little is left, down to a second. */
export function retryInMs(
  { notAfterMs }: IdentityTimes,
  { nowMs, wantedMs }: { readonly nowMs: number; readonly wantedMs: number },
): number {
  if (notAfterMs === undefined) return wantedMs;
  return Math.min(wantedMs, Math.max((notAfterMs - nowMs) / 10, 1_000));
}
