/**
 * What an observer sees of a lock, and of a pool: holders and waiters in order. A place of another session stands for all its
 * callers; behind this process's own place each of its callers is listed.
 */
import { after, type Epoch, type Runtime } from "#core/runtime.ts";
import { Refusal } from "#core/refusal.ts";
import type { KeyValue, Store } from "#core/store.ts";
import type { Stander } from "#core/lock/around.ts";
import { readContender, type Contender } from "#core/lock/contender.ts";
import {
  contenderNameOf,
  contendersOf,
  poolRange,
  poolRangeFrom,
  type LockName,
} from "#core/lock/keys.ts";
import { holders, inOrder, isSame } from "#core/lock/order.ts";
import { storeRefused } from "#core/lock/refusals.ts";
import { rulesNow } from "#core/lock/rules.ts";
import { holderOf, localHolder, shown } from "#core/lock/tell.ts";
import type { HolderView } from "#core/lock/views.ts";
import type { Specs } from "#core/spec/specs.ts";

export interface LockView {
  readonly pool: string;
  readonly name: string;
  readonly holders: readonly HolderView[];
  /** In order: places in etcd first by their order; behind this sidecar's own place each of its callers is listed. */
  readonly waiters: readonly HolderView[];
  /** Sets whose turn has come here, and who wait for other locks: nobody else can have this one meanwhile. */
  readonly reserved: readonly HolderView[];
  /** Kept by pods where nobody uses it, and given up when somebody asks. */
  readonly idle: readonly HolderView[];
}

export interface PoolView {
  readonly pool: string;
  /** Sums over the whole pool, not just this page. */
  readonly totals: {
    /** Locks that are held or waited for. */
    readonly names: number;
    /** Grants; of a session that holds a lock for several callers one after the other, one. */
    readonly held: number;
    readonly waiting: number;
    /** Absent: nobody waits. */
    readonly oldestWaitSince?: Epoch | undefined;
  };
  readonly locks: readonly LockView[];
  /** Where the next page starts; absent: this was the last. */
  readonly continue?: string | undefined;
}

export interface ListPool {
  readonly pool: string;
  readonly prefix?: string | undefined;
  /** Locks a page, 1 to 1000. */
  readonly limit: number;
  readonly continue?: string | undefined;
}

const answerMs = 5_000;
/** Keys read at once when a pool is listed. */
const chunkKeys = 1_000;

export interface ViewParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly namespace: string;
  readonly pod: string;
  readonly specs: Pick<Specs, "record" | "pool">;
  /** This process's own callers for a lock. */
  readonly standersOf: (lock: LockName) => Iterable<Stander>;
  /** Aborts when the process ends. */
  readonly signal: AbortSignal;
}

export class LockViews {
  readonly #parts: ViewParts;

  constructor(parts: ViewParts) {
    this.#parts = parts;
  }

  /** @throws Refusal where there is no such pool, or etcd does not answer */
  async look(pool: string, name: string): Promise<LockView> {
    const { specs, namespace } = this.#parts;
    specs.pool(pool);
    const kvs = await readRange(this.#parts, contendersOf(namespace, { pool, name }));
    return lockView(this.#parts, { pool, name }, kvs.keys);
  }

  /** As {@link look}. */
  async list(query: ListPool): Promise<PoolView> {
    this.#parts.specs.pool(query.pool);
    return viewPool(this.#parts, query);
  }
}

/** Reads the pool in chunks: each lock is seen at one revision, the pool is not. */
async function viewPool(parts: ViewParts, query: ListPool): Promise<PoolView> {
  const { namespace } = parts;
  const all = poolRange(namespace, query.pool);
  const wanted =
    query.prefix === undefined ? all : poolRangeFrom(namespace, query.pool, query.prefix);
  const from =
    query.continue === undefined
      ? wanted.key
      : contendersOf(namespace, { pool: query.pool, name: query.continue }).end;
  const locks: LockView[] = [];
  const totals = { names: 0, held: 0, waiting: 0 };
  let oldestWaitSince: Epoch | undefined;
  let more: string | undefined;
  for await (const [lock, kvs] of locksOf(parts, all)) {
    const view = lockView(parts, lock, kvs);
    totals.names += 1;
    totals.held += view.holders.length;
    totals.waiting += view.waiters.reduce(
      (sum, { localWaiters }) => sum + 1 + localWaiters,
      view.holders.reduce((behind, { localWaiters }) => behind + localWaiters, 0) +
        view.reserved.length,
    );
    for (const { since } of view.waiters)
      if (oldestWaitSince === undefined || since < oldestWaitSince) oldestWaitSince = since;
    const { key } = contendersOf(namespace, lock);
    if (key < from || key >= wanted.end) continue;
    if (locks.length < query.limit) locks.push(view);
    else more = locks.at(-1)?.name;
  }
  return { pool: query.pool, totals: { ...totals, oldestWaitSince }, locks, continue: more };
}

/** All locks of the range with their contenders, in key order. */
async function* locksOf(
  parts: ViewParts,
  range: { readonly key: string; readonly end: string },
): AsyncIterable<[LockName, KeyValue[]]> {
  let from = range.key;
  let pending: [LockName, KeyValue[]] | undefined;
  for (;;) {
    const { keys, count } = await readRange(parts, { key: from, end: range.end, limit: chunkKeys });
    for (const kv of keys) {
      const lock = contenderNameOf(kv.key, parts.namespace);
      if (lock === undefined) continue;
      if (pending?.[0].name === lock.name) pending[1].push(kv);
      else {
        if (pending !== undefined) yield pending;
        pending = [lock, [kv]];
      }
    }
    const last = keys.at(-1);
    if (last === undefined || count <= keys.length) break;
    from = `${last.key}\u0000`;
  }
  if (pending !== undefined) yield pending;
}

async function readRange(
  { runtime, store, signal }: ViewParts,
  range: { readonly key: string; readonly end: string; readonly limit?: number },
): Promise<{ keys: readonly KeyValue[]; count: number }> {
  const read = await store.read([range], { signal, deadline: after(runtime.now(), answerMs) });
  signal.throwIfAborted();
  if (read.kind === "refused") throw storeRefused(read.reason);
  if (read.kind === "unknown") {
    throw new Refusal("backend_unreachable", `etcd did not answer (${read.reason.code}). Retry.`);
  }
  return read.value.ranges[0] ?? { keys: [], count: 0 };
}

function lockView(parts: ViewParts, lock: LockName, kvs: readonly KeyValue[]): LockView {
  const ordered = inOrder(kvs.map(readContender));
  // Of a pool that went, whoever still holds is shown as its contender stands.
  const holding = holders(
    ordered,
    rulesNow(parts.specs, lock.pool)?.sharing ?? { mode: "Mutex", permits: 1 },
  );
  const own = new Map([...parts.standersOf(lock)].map((stander) => [stander.place?.key, stander]));
  const view = { holders: [], waiters: [], reserved: [], idle: [] } as Record<Shown, HolderView[]>;
  for (const contender of ordered) {
    const stander = ownOf(own, contender);
    const callers = callersOf(parts, stander);
    const { grant } = stander ?? {};
    // Once let in it stays, also when there are fewer permits: of its own grants this process knows.
    const isHeld = holding.has(contender) && !isReserved(contender, stander);
    if (grant !== undefined || (isHeld && !(stander?.isIdle ?? contender.idle))) {
      const holder = grant === undefined ? holderOf(contender) : localHolder(grant, parts.pod, 0);
      const { mode, permits } = contender;
      view.holders.push(
        stander === undefined ? holder : { ...holder, mode, permits, localWaiters: 0 },
      );
      view.waiters.push(...callers);
    } else if (stander?.isIdle ?? contender.idle) view.idle.push(shown(contender));
    else if (holding.has(contender)) view.reserved.push(shown(contender));
    else if (stander !== undefined) view.waiters.push(...callers);
    else if (!contender.trying) view.waiters.push(shown(contender));
  }
  return { pool: lock.pool, name: lock.name, ...view };
}

type Shown = "holders" | "waiters" | "reserved" | "idle";

/** One of a set that waits for others of it. Of its own sets this process knows better than what is written. */
function isReserved({ set }: Contender, stander: Stander | undefined): boolean {
  return stander === undefined ? set === "waiting" : set !== undefined;
}

/** Whose place this very contender is. */
function ownOf(
  standers: ReadonlyMap<string | undefined, Stander>,
  contender: Contender,
): Stander | undefined {
  const stander = standers.get(contender.key);
  return stander?.place !== undefined && isSame(contender, stander.place) ? stander : undefined;
}

function callersOf({ pod }: ViewParts, stander: Stander | undefined): HolderView[] {
  return [...(stander?.callers ?? [])]
    .filter(({ trying }) => !trying)
    .map(({ request, since }) => ({
      holder: request.holder ?? pod,
      pod,
      mode: stander?.demand.mode ?? request.mode,
      permits: stander?.demand.permits ?? request.permits,
      since,
      metadata: request.metadata ?? {},
      localWaiters: 0,
    }));
}
