/**
 * When an authority is renewed, and how: pure. Nobody may be shown a certificate by an authority that he does not trust
 * yet, and nobody may hold one by an authority that is trusted no more, so each step waits for the overlap:
 *
 * | state       | entered by                                          | left by                          |
 * | ----------- | --------------------------------------------------- | -------------------------------- |
 * | `alone`     | it is made; the former one left the bundle          | a year before its end, or asked for → `announced` |
 * | `announced` | the next one is in the bundle, and issues nothing   | the overlap → `promoted`         |
 * | `promoted`  | the next one issues, the former is still trusted    | the overlap → `alone`            |
 *
 * An authority that is about to end is followed by the next one at once, overlap or not: it is of no use to anybody.
 */
import { expiryMs, type AuthorityRecord } from "./authority-record.ts";
import { makeAuthority, type Authority } from "./x509/certificate.ts";

const dayMs = 86_400_000;
export const lifeMs = 3_650 * dayMs;
export const renewBeforeMs = 365 * dayMs;
/**
 * Each step's. In it whoever holds a certificate by the authority, or trusts it, has to learn of what changed: sidecars,
 * with certificates of a day, at their next renewal; etcd by a restart.
 */
export const overlapMsDefault = 7 * dayMs;
/** Clocks of machines differ by so much at most. */
export const skewMs = 300_000;
/** Before its end an authority is as good as over. */
const lastMs = 3_600_000;

export type RenewalStep =
  | { readonly kind: "wait" }
  | { readonly kind: "announce" | "promote" | "retire"; readonly why: string };

export interface RenewalTimes {
  readonly nowMs: number;
  readonly overlapMs: number;
}

export function decideRenewal(
  record: AuthorityRecord,
  { nowMs, overlapMs }: RenewalTimes,
): RenewalStep {
  const { current, next, former, sinceMs, ours, asked } = record;
  if (!ours) return { kind: "wait" };
  const overlapped = nowMs >= sinceMs + overlapMs;
  const leftMs = expiryMs(current) - nowMs;
  if (next !== undefined) {
    if (leftMs <= lastMs) return { kind: "promote", why: "the one that issues is about to end" };
    return overlapped ? { kind: "promote", why: "it is known by now" } : { kind: "wait" };
  }
  // First the one that ends: two steps that wait for each other would leave none.
  if (leftMs <= renewBeforeMs) return { kind: "announce", why: "the one that issues will end" };
  if (former.length > 0)
    return overlapped ? { kind: "retire", why: "nothing by it is left" } : { kind: "wait" };
  return asked ? { kind: "announce", why: "somebody asked for it" } : { kind: "wait" };
}

/** The record after the step. `make`: a new authority. */
export function takeStep(
  record: AuthorityRecord,
  step: Exclude<RenewalStep, { readonly kind: "wait" }>["kind"],
  { nowMs, make }: { readonly nowMs: number; readonly make: () => Authority },
): AuthorityRecord {
  switch (step) {
    case "announce":
      return { ...record, next: make(), sinceMs: nowMs, asked: false };
    case "promote": {
      const { current, next, former } = record;
      if (next === undefined) return record;
      const kept = [current.certificate, ...former];
      return { ...record, current: next, next: undefined, former: kept, sinceMs: nowMs };
    }
    case "retire":
      return { ...record, former: [], sinceMs: nowMs };
    default:
      return step satisfies never;
  }
}

/** One that nobody knows yet. */
export function firstRecord(make: () => Authority, nowMs: number): AuthorityRecord {
  return {
    ...{ current: make(), next: undefined, former: [], sinceMs: nowMs },
    ...{ ours: true, asked: false },
  };
}

/** `called`: tells it from all others; two of one name are hard to tell apart in a bundle. */
export function newAuthority(called: string, nowMs: number): Authority {
  return makeAuthority(called, { fromMs: nowMs - skewMs, untilMs: nowMs + lifeMs });
}
