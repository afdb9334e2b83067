/**
 * What an observer sees of a lock, and of a pool: holders and waiters in order. A place of another session stands for all its
 * callers; behind this process's own place each of its callers is listed.
 */
import { sleep, type Epoch } from "#core/runtime.ts";
import type { Tasks } from "#core/tasks.ts";
import type { Stander } from "#core/lock/around.ts";
import { isReserved as isToldReserved, type Contender } from "#core/lock/contender.ts";
import type { LockObserver } from "#core/lock/events.ts";
import { contendersOf, lockOf, poolRange, poolRangeFrom, type LockName } from "#core/lock/keys.ts";
import type { Ghost, PoolMarks } from "#core/lock/marks.ts";
import { holders, inOrder, isSame } from "#core/lock/order.ts";
import { rulesNow } from "#core/lock/rules.ts";
import { holderOf, localHolder, shown } from "#core/lock/tell.ts";
import type { HolderView } from "#core/lock/views.ts";
import type { Specs } from "#core/spec/specs.ts";
import { LockOnlooker, type SeenEvent } from "./lock-onlooker.ts";
import { readPool, readQueue, type Queue, type QueueParts } from "./lock-queues.ts";

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
  /** For whose sake those who come after them wait. */
  readonly lost: readonly LostView[];
}

/** One that was lost, as its marker tells. */
export interface LostView extends HolderView {
  /** The end of its delay, as this process counts it. */
  readonly until: Epoch;
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

export interface ViewParts extends Omit<QueueParts, "signal"> {
  readonly pod: string;
  readonly specs: Pick<Specs, "record" | "pool">;
  /** This process's own callers for a lock. */
  readonly standersOf: (lock: LockName) => Iterable<Stander>;
  /** What this process knows of the markers of a pool. */
  readonly marksOf: (pool: string) => Pick<PoolMarks, "orphans" | "expects">;
  /** As core sees it. */
  readonly observe: (lock: LockName, observer: LockObserver) => () => void;
  /** Ended with the process. */
  readonly tasks: Tasks;
}

const togetherMs = 20;

export class LockViews {
  readonly #parts: ViewParts;
  /** Looks that are about to be made. */
  readonly #soon = new Map<string, Promise<LockView>>();

  constructor(parts: ViewParts) {
    this.#parts = parts;
  }

  /** @throws Refusal where there is no such pool, or etcd does not answer */
  async look(pool: string, name: string): Promise<LockView> {
    const { specs, namespace } = this.#parts;
    specs.pool(pool);
    const queue = await readQueue(queueParts(this.#parts), lockOf(namespace, { pool, name }));
    return lockView(this.#parts, queue);
  }

  /**
   * Tells who holds a lock, and each change of it; and, while a lockDelay runs, who was lost. Returns how to end that.
   * @throws Refusal where there is no such pool
   */
  observe(lock: LockName, told: (event: SeenEvent) => void): () => void {
    const { runtime, tasks, specs, marksOf, observe } = this.#parts;
    const onlooker = new LockOnlooker({
      ...{ runtime, tasks, told },
      mayBeKept: () =>
        (rulesNow(specs, lock.pool)?.lockDelayMs ?? 0) > 0 ||
        marksOf(lock.pool).expects(runtime.now()),
      look: () => this.#lookTogether(lock),
    });
    const unobserve = observe(lock, onlooker);
    return () => {
      unobserve();
      onlooker.end();
    };
  }

  /** One look for all who ask within a moment, each before it is made: thousands may look on at one lock. */
  #lookTogether({ pool, name }: LockName): Promise<LockView> {
    const path = `${pool}/${name}`;
    const { runtime, tasks } = this.#parts;
    const soon =
      this.#soon.get(path) ??
      sleep(runtime, togetherMs, tasks.signal).then(() => {
        this.#soon.delete(path);
        return this.look(pool, name);
      });
    this.#soon.set(path, soon);
    return soon;
  }

  /** As {@link look}. */
  async list(query: ListPool): Promise<PoolView> {
    this.#parts.specs.pool(query.pool);
    return viewPool(this.#parts, query);
  }
}

function queueParts(parts: ViewParts): QueueParts {
  return { ...parts, signal: parts.tasks.signal };
}

/** Each lock is seen at one revision, the pool is not. */
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
  for await (const queue of readPool(queueParts(parts), query.pool)) {
    const view = lockView(parts, queue);
    // Of one whose delay is over the marker is left until it is swept.
    if (queue.contenders.length === 0 && view.lost.length === 0) continue;
    totals.names += 1;
    totals.held += view.holders.reduce((sum, { localHolders = 1 }) => sum + localHolders, 0);
    totals.waiting += view.waiters.reduce(
      (sum, { localWaiters }) => sum + 1 + localWaiters,
      view.holders.reduce((behind, { localWaiters }) => behind + localWaiters, 0) +
        view.reserved.length,
    );
    for (const { since } of view.waiters)
      if (oldestWaitSince === undefined || since < oldestWaitSince) oldestWaitSince = since;
    const { key } = queue.lock.contenders;
    if (key < from || key >= wanted.end) continue;
    if (locks.length < query.limit) locks.push(view);
    else more = locks.at(-1)?.name;
  }
  return { pool: query.pool, totals: { ...totals, oldestWaitSince }, locks, continue: more };
}

function lockView(parts: ViewParts, queue: Queue): LockView {
  const { lock, contenders } = queue;
  const { isIn, ghosts } = judged(parts, queue);
  const own = new Map([...parts.standersOf(lock)].map((stander) => [stander.place?.key, stander]));
  const view = { holders: [], waiters: [], reserved: [], idle: [] } as Record<Shown, HolderView[]>;
  for (const contender of contenders) {
    const stander = ownOf(own, contender);
    const callers = callersOf(parts, stander);
    const grants = stander?.grants ?? [];
    // Once let in it stays, also when there are fewer permits: of its own grants this process knows.
    const isHeld = isIn(contender) && !isReserved(contender, stander);
    if (grants.length > 0 || (isHeld && !(stander?.isIdle ?? contender.idle))) {
      const { mode, permits } = contender;
      const holding =
        grants.length === 0
          ? [holderOf(contender)]
          : grants.map((grant) => localHolder(grant, parts.pod, 0));
      for (const holder of holding)
        view.holders.push(
          stander === undefined ? holder : { ...holder, mode, permits, localWaiters: 0 },
        );
      view.waiters.push(...callers);
    } else if (stander?.isIdle ?? contender.idle) view.idle.push(shown(contender));
    else if (isIn(contender)) view.reserved.push(shown(contender));
    else if (stander !== undefined) view.waiters.push(...callers);
    else if (!contender.trying) view.waiters.push(shown(contender));
  }
  const { pool, name } = lock;
  return { pool, name, ...view, lost: ghosts.map((ghost) => lostView(parts, ghost)) };
}

interface Judged {
  readonly isIn: (contender: Contender) => boolean;
  /** The delays that run, as this process counts them, also from this look on. */
  readonly ghosts: readonly Ghost[];
}

function judged(parts: ViewParts, { lock, contenders, marks, at }: Queue): Judged {
  const { ghosts } = parts.marksOf(lock.pool).orphans(lock, { contenders, marks, at }, at);
  // Of a pool that went, whoever still holds is shown as its contender stands.
  const sharing = rulesNow(parts.specs, lock.pool)?.sharing ?? { mode: "Mutex", permits: 1 };
  const first = holders(contenders, sharing);
  if (ghosts.length === 0) return { ghosts, isIn: (contender) => first.has(contender) };
  const letIn = holders<Contender>(inOrder([...contenders, ...ghosts]), sharing);
  // Another sidecar may count less of the delay: who has a marker was let in by his own.
  const isMarked = (contender: Contender): boolean =>
    marks.some(({ key, createRevision: created }) => isSame(contender, { key, created }));
  return {
    ghosts,
    isIn: (contender) => letIn.has(contender) || (first.has(contender) && isMarked(contender)),
  };
}

function lostView({ runtime }: ViewParts, ghost: Ghost): LostView {
  const inMs = ghost.until - runtime.now();
  return { ...holderOf(ghost), until: Math.round(runtime.wallNow() + inMs) as Epoch };
}

type Shown = "holders" | "waiters" | "reserved" | "idle";

/** One of a set that waits for others of it. Of its own sets this process knows better than what is written. */
function isReserved(contender: Contender, stander: Stander | undefined): boolean {
  return stander === undefined ? isToldReserved(contender) : contender.set !== undefined;
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
