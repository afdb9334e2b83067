/**
 * A deciding read: all contenders of a lock, with the pool's record, the fence base and `anew` in the same snapshot, so that
 * everybody judges one revision by one spec. Not finding my own contender means that it is gone: reads are linearizable, and
 * none is accepted from before my entry.
 */
import { after, type Instant } from "../runtime.ts";
import type { Key, RangeRead, Revision, Snapshot } from "../store.ts";
import { readContender, type Contender } from "./contender.ts";
import type { Lock } from "./keys.ts";
import { readMark, type Mark } from "./marks.ts";
import { holders, inOrder, isSame, type Mine, type Sharing } from "./order.ts";
import type { StepParts } from "./step-parts.ts";

const answerMs = 5_000;

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
  { runtime, store, mirror }: StepParts,
  { lock, atLeast }: { readonly lock: Lock; readonly atLeast?: Revision },
  signal: AbortSignal,
): Promise<Look | undefined> {
  const asked = { ranges: queueOf(lock), pools: [lock.pool], atLeast };
  const seen = await readJudged({ runtime, store, mirror }, asked, signal);
  return seen && queueIn(lock, seen, 0);
}

/** What is read of a lock to judge it: its contenders and its markers. */
export function queueOf({ contenders, marks }: Lock): readonly RangeRead[] {
  return [contenders, marks];
}

/** What was read by {@link queueOf}, from the range `from` on. */
export function queueIn(lock: Lock, { revision, ranges, at }: Seen, from: number): Look {
  return {
    revision,
    contenders: inOrder((ranges[from]?.keys ?? []).map(readContender)),
    marks: (ranges[from + 1]?.keys ?? []).map((kv) => readMark(lock, kv)),
    at,
  };
}

export interface Judged {
  readonly ranges: readonly RangeRead[];
  /** By whose records it is judged. */
  readonly pools: readonly string[];
  readonly atLeast?: Revision | undefined;
}

export interface Seen extends Snapshot {
  /** When the answer arrived. */
  readonly at: Instant;
}

/** What stands in some ranges, and all that decides about it in the same snapshot, which the mirror takes in. */
export async function readJudged(
  { runtime, store, mirror }: StepParts,
  { ranges, pools, atLeast }: Judged,
  signal: AbortSignal,
): Promise<Seen | undefined> {
  const facts = new Map<Key, RangeRead>();
  for (const pool of pools) for (const each of mirror.rangesFor(pool)) facts.set(each.key, each);
  const deciding = [...facts.values()];
  const read = await store.read(
    [...ranges, ...deciding],
    { signal, deadline: after(runtime.now(), answerMs) },
    atLeast,
  );
  signal.throwIfAborted();
  if (read.kind !== "done") return undefined;
  const { revision, ranges: results } = read.value;
  mirror.took(deciding, results.slice(ranges.length), revision);
  return { revision, ranges: results.slice(0, ranges.length), at: runtime.now() };
}

/**
 * How many wait in etcd, as an observer sees it: who only tries does not wait, and callers of a session
 * stand behind its one place.
 */
export function waitingIn(
  contenders: readonly Contender[],
  sharing: Sharing,
  isLeftOut: (contender: Contender) => boolean = () => false,
): number {
  const holding = holders(contenders, sharing);
  let waiting = 0;
  for (const contender of contenders) {
    const { trying, localWaiters } = contender;
    if (!isLeftOut(contender)) waiting += localWaiters + (holding.has(contender) || trying ? 0 : 1);
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
