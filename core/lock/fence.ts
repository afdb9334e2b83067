/**
 * The fencing token: a number that grows with every exclusive grant of a lock, also across hand-overs inside a pod and when
 * etcd begins anew (core/spec/base.ts). A decimal string outside: a BIGINT holds it, a JavaScript number soon would not.
 */
import { assert } from "../refusal.ts";
import type { Revision } from "../store.ts";

/** One contender is handed over fewer times than this; then a new one is taken. */
export const handoversMax = 2 ** 16 - 1;

export function fenceOf(base: bigint, created: Revision, handovers: number): bigint {
  assert(
    handovers >= 0 && handovers <= handoversMax,
    "a contender was handed over too often for its fence",
  );
  return ((base + created) << 16n) + BigInt(handovers);
}
