/**
 * Locks as they stand in etcd, for who only looks: each with its contenders and markers as of one revision. A pool is read in
 * chunks, so of two of its locks it may be at two.
 */
import { after, type Runtime } from "#core/runtime.ts";
import { Refusal } from "#core/refusal.ts";
import type { Key, KeyValue, RangeRead, RangeResult, Store } from "#core/store.ts";
import {
  contenderNameOf,
  lockOf,
  markedLockOf,
  poolMarks,
  poolRange,
  type Lock,
  type LockName,
} from "#core/lock/keys.ts";
import { queueIn, queueOf, type Look, type Seen } from "#core/lock/look.ts";
import { storeRefused } from "#core/lock/refusals.ts";

const answerMs = 5_000;
/** Contenders, and as many markers, read at once. */
const chunkKeys = 1_000;

export interface QueueParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly namespace: string;
  /** Aborts when the process ends. */
  readonly signal: AbortSignal;
}

export interface Queue extends Look {
  readonly lock: Lock;
}

/** @throws Refusal etcd does not answer */
export async function readQueue(parts: QueueParts, lock: Lock): Promise<Queue> {
  return { lock, ...queueIn(lock, await read(parts, queueOf(lock)), 0) };
}

/** All locks of the pool with a contender or a marker, in key order. @throws Refusal etcd does not answer */
export async function* readPool(parts: QueueParts, pool: string): AsyncIterable<Queue> {
  const { namespace } = parts;
  const places = { ...poolRange(namespace, pool), nameOf: contenderNameOf };
  const marks = { ...poolMarks(namespace, pool), nameOf: markedLockOf };
  let from = "";
  let limit = chunkKeys;
  for (;;) {
    const ranges = [places, marks].map(({ key, end }) => ({ key: key + from, end, limit }));
    const seen = await read(parts, ranges);
    const contending = partsOf(namespace, places, seen.ranges[0]);
    const marked = partsOf(namespace, marks, seen.ranges[1]);
    const cut = firstOf(contending.cut, marked.cut);
    const locks = new Map([...contending.locks, ...marked.locks]);
    for (const [part, { name }] of [...locks].sort(byPart)) {
      if (cut !== undefined && part >= cut) break;
      const its = [contending, marked].map((each) => each.locks.get(part)?.keys ?? []);
      const whole = its.map((keys) => ({ keys, count: keys.length }));
      const lock = lockOf(namespace, name);
      yield { lock, ...queueIn(lock, { ...seen, ranges: whole }, 0) };
    }
    if (cut === undefined) return;
    // A lock that has more is read again, with room for it.
    limit = cut === from ? 2 * limit : chunkKeys;
    from = cut;
  }
}

async function read(
  { runtime, store, signal }: QueueParts,
  ranges: readonly RangeRead[],
): Promise<Seen> {
  const seen = await store.read(ranges, { signal, deadline: after(runtime.now(), answerMs) });
  signal.throwIfAborted();
  if (seen.kind === "refused") throw storeRefused(seen.reason);
  if (seen.kind === "unknown") {
    throw new Refusal("backend_unreachable", `etcd did not answer (${seen.reason.code}). Retry.`);
  }
  return { ...seen.value, at: runtime.now() };
}

interface Tree {
  readonly key: Key;
  readonly nameOf: (key: Key, namespace: string) => LockName | undefined;
}

interface OfLock {
  readonly name: LockName;
  readonly keys: KeyValue[];
}

interface Parts {
  /** By the lock's part of its keys, with the slash behind it: so contenders and markers sort alike. */
  readonly locks: ReadonlyMap<string, OfLock>;
  /** The part of which not all may have been read, nor anything behind it. */
  readonly cut: string | undefined;
}

/** What none of us has written is left out. */
function partsOf(namespace: string, { key: root, nameOf }: Tree, range?: RangeResult): Parts {
  const { keys = [], count = 0 } = range ?? {};
  const locks = new Map<string, OfLock>();
  for (const kv of keys) {
    const name = nameOf(kv.key, namespace);
    if (name === undefined) continue;
    const part = lockPart(root, kv.key);
    const there = locks.get(part);
    if (there === undefined) locks.set(part, { name, keys: [kv] });
    else there.keys.push(kv);
  }
  const last = keys.at(-1);
  const isAll = last === undefined || count <= keys.length;
  return { locks, cut: isAll ? undefined : lockPart(root, last.key) };
}

function lockPart(root: Key, key: Key): string {
  const slash = key.indexOf("/", root.length);
  return key.slice(root.length, slash < 0 ? undefined : slash + 1);
}

function firstOf(one: string | undefined, other: string | undefined): string | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one < other ? one : other;
}

function byPart([one]: readonly [string, OfLock], [other]: readonly [string, OfLock]): number {
  return one < other ? -1 : 1;
}
