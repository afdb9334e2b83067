/**
 * The fencing token: a number that grows with every exclusive grant of a lock, also across hand-overs inside a pod and when
 * etcd begins anew (core/spec/base.ts). A decimal string outside: a BIGINT holds it, a JavaScript number soon would not.
 */
import { assert } from "../refusal.ts";
import type { Revision } from "../store.ts";

/** One contender is handed over fewer times than this; then a new one is taken. */
export const handoversMax = 2 ** 16 - 1;
/** Of one that stands beside others: so many more are granted the lock on it. */
export const joinedMax = 2 ** 8 - 1;

export interface Fenced {
  /** Of its first grant. */
  readonly base: bigint;
  readonly handovers: number;
  /** It may hold beside others of its lock: it stands for one caller, or for readers of one process. */
  readonly isOwn: boolean;
}

/**
 * Of one contender after another the sum of base and create revision grows. Those that hold together may be granted under
 * unlike bases, and then two sums can be the same: the base's own low bits, above the few hand-overs that such a contender may
 * have, tell them apart (equal sums have bases as far apart as their revisions: alike only at a multiple of 256).
 */
export function fenceOf({ base, handovers, isOwn }: Fenced, created: Revision): bigint {
  assert(
    handovers >= 0 && handovers <= (isOwn ? joinedMax : handoversMax),
    "a contender was handed over too often for its fence",
  );
  const low = isOwn ? ((base & BigInt(joinedMax)) << 8n) + BigInt(handovers) : BigInt(handovers);
  return ((base + created) << 16n) + low;
}
