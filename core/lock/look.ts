/**
 * A deciding read: all contenders of a lock, with the pool's record, the fence base and `anew` in the same snapshot, so that
 * everybody judges one revision by one spec. Not finding my own contender means that it is gone: reads are linearizable, and
 * none is accepted from before my entry.
 */
import { after, type Instant, type Runtime } from "../runtime.ts";
import type { Key, Revision, Store } from "../store.ts";
import type { Specs } from "../spec/specs.ts";
import { readContender, type Contender } from "./contender.ts";
import type { Lock } from "./keys.ts";
import { readMark, type Mark } from "./marks.ts";
import { holders, inOrder, isSame, type Mine, type Sharing } from "./order.ts";

const answerMs = 5_000;

export interface LookParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly mirror: Specs;
}

export interface Look {
  readonly revision: Revision;
  /** In order. */
  readonly contenders: readonly Contender[];
  readonly marks: readonly Mark[];
  /** When the answer arrived. */
  readonly at: Instant;
}

/** Undefined: etcd did not answer in time. */
export async function look(
  { runtime, store, mirror }: LookParts,
  { lock, atLeast }: { readonly lock: Lock; readonly atLeast?: Revision },
  signal: AbortSignal,
): Promise<Look | undefined> {
  const specs = mirror.rangesFor(lock.pool);
  const ranges = [lock.contenders, lock.marks, ...specs];
  const read = await store.read(
    ranges,
    { signal, deadline: after(runtime.now(), answerMs) },
    atLeast,
  );
  signal.throwIfAborted();
  if (read.kind !== "done") return undefined;
  const { revision, ranges: results } = read.value;
  const [contenders, marks, ...found] = results;
  mirror.took(specs, found, revision);
  return {
    revision,
    contenders: inOrder((contenders?.keys ?? []).map(readContender)),
    marks: (marks?.keys ?? []).map((kv) => readMark(lock, kv)),
    at: runtime.now(),
  };
}

/**
 * How many wait in etcd, as an observer sees it, `mine` left out: who only tries does not wait, and callers of a session
 * stand behind its one place.
 */
export function waitingIn(contenders: readonly Contender[], sharing: Sharing, mine?: Key): number {
  const holding = holders(contenders, sharing);
  let waiting = 0;
  for (const contender of contenders) {
    const { key, trying, localWaiters } = contender;
    if (key !== mine) waiting += localWaiters + (holding.has(contender) || trying ? 0 : 1);
  }
  return waiting;
}

/** How many of those came before `mine`. */
export function waitingBefore(
  contenders: readonly Contender[],
  sharing: Sharing,
  mine: Mine,
): number {
  const at = contenders.findIndex((one) => isSame(one, mine));
  return waitingIn(contenders.slice(0, at), sharing);
}
