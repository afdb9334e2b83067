/**
 * The fencing token: a number that grows with every exclusive grant of a lock, also across hand-overs inside a pod and when
 * etcd begins anew (core/spec/base.ts). A decimal string outside: a BIGINT holds it, a JavaScript number soon would not.
 */
import { assert } from "../refusal.ts";
import type { Revision } from "../store.ts";

/** One contender is handed over fewer times than this; then a new one is taken. */
export const handoversMax = 2 ** 16 - 1;

export interface Fenced {
  /** Of its first grant. */
  readonly base: bigint;
  readonly handovers: number;
  /** It stands for one caller, and is handed over to nobody. */
  readonly isOwn: boolean;
}

/**
 * Of one contender after another the sum of base and create revision grows. Those that hold together may be granted under
 * unlike bases, and then two sums can be the same: in place of hand-overs, which they have none of, the base's own low bits tell
 * them apart (equal sums have bases as far apart as their revisions: alike only at a multiple of 65,536).
 */
export function fenceOf({ base, handovers, isOwn }: Fenced, created: Revision): bigint {
  assert(
    handovers >= 0 && handovers <= handoversMax,
    "a contender was handed over too often for its fence",
  );
  const low = isOwn ? base & BigInt(handoversMax) : BigInt(handovers);
  return ((base + created) << 16n) + low;
}
