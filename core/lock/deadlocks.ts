/**
 * Looks for circles of waiting owners, and ends a wait of this process where its pool says so.
 *
 * Reads: every lock of the namespace with the pools' records, at one revision. Writes nothing: the wait that ends gives its
 * place up as any other. Every sidecar picks the same victim, for it is the youngest waiter of a circle in one snapshot; it is
 * ended by its own sidecar and nobody else: only that one knows that it was not let in meanwhile. Where that sidecar is slow, the
 * circle lasts until it looks, or until a wait in it is over.
 *
 *   (an owner begins to wait) ──1 s──▶ look ──5 s, with jitter──▶ look … until no owner of this process waits
 */
import { Bell } from "../bell.ts";
import { Refusal } from "../refusal.ts";
import { after, forever, inTurns, type Epoch, type Instant, type Runtime } from "../runtime.ts";
import { prefixRange, type KeyValue, type Revision, type Store } from "../store.ts";
import { dataRoot } from "../session/keys.ts";
import { kindAndNameOf, recordsOf } from "../spec/keys.ts";
import { distributedLockKind, readRecord } from "../spec/records.ts";
import type { Tasks } from "../tasks.ts";
import type { Stander } from "./around.ts";
import { circlesIn, youngest, type Circle, type CircleWait } from "./circles.ts";
import type { Queue, Steps } from "./circles.ts";
import { readContender, type Contender } from "./contender.ts";
import type { Counters } from "./counters.ts";
import { contenderNameOf, type LockName } from "./keys.ts";
import { inOrder, isSame } from "./order.ts";
import { storeRefused } from "./refusals.ts";
import { rulesOf, type Rules } from "./rules.ts";

const firstLookMs = 1_000;
const lookEveryMs = 5_000;
const answerMs = 5_000;
/** Waits of a circle that are told in words. */
const toldMax = 10;
/** That are told as facts. */
const factsMax = 1_000;
/** That are listed, of all circles. */
const listedMax = 10_000;
/** More are read by no sidecar at once. */
const contendersMax = 50_000;

export interface DeadlocksParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly namespace: string;
  readonly tasks: Tasks;
  /** All of this process. */
  readonly standers: () => Iterable<OwnStander>;
  readonly counters: (pool: string) => Counters | undefined;
}

/** A stander whose wait can be ended. */
export interface OwnStander extends Stander {
  /** One of a set was let in here, and waits for others. */
  readonly isIn?: boolean;
  endWait(refusal: Error): void;
}

/** As it is shown. */
export interface DeadlockWait {
  readonly owner: string;
  readonly holder: string;
  readonly pod: string;
  readonly lock: string;
  readonly mode: Contender["mode"];
  readonly permits: number;
  readonly since: Epoch;
  /** For whom it waits. */
  readonly behind: readonly string[];
}

export interface Deadlock {
  /** First come first; of very many the first. */
  readonly waits: readonly DeadlockWait[];
}

interface Seen {
  readonly circles: readonly Circle[];
  /** As they are at the same revision. */
  readonly rules: ReadonlyMap<string, Rules>;
}

export class Deadlocks {
  readonly #parts: DeadlocksParts;
  readonly #bell: Bell;
  #nextLook: Instant = forever;
  #isLooking = false;
  /** Waits of this process that were counted, while they last. */
  #counted = new Set<string>();

  constructor(parts: DeadlocksParts) {
    this.#parts = parts;
    this.#bell = new Bell(parts.runtime);
  }

  /** An owner begins to wait. */
  ownerWaits(): void {
    const { runtime, tasks } = this.#parts;
    if (tasks.signal.aborted) return;
    const first = after(runtime.now(), firstLookMs);
    if (first < this.#nextLook) {
      this.#nextLook = first;
      this.#bell.ring();
    }
    if (this.#isLooking) return;
    this.#isLooking = true;
    tasks.run("looking for deadlocks", (signal) => this.#look(signal));
  }

  /** All that there are. */
  async list(signal: AbortSignal): Promise<readonly Deadlock[]> {
    const { circles } = await this.#read(signal);
    return inTurns(this.#parts.runtime, listed(circles), signal);
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { runtime } = this.#parts;
    try {
      do {
        while (runtime.now() < this.#nextLook) {
          await this.#bell.wait({ until: this.#nextLook, signal });
          signal.throwIfAborted();
        }
        this.#nextLook = after(runtime.now(), lookEveryMs * (0.75 + runtime.random() / 2));
        if (this.#ownersWaiting().length > 0) await this.#lookOnce(signal);
      } while (this.#ownersWaiting().length > 0);
    } finally {
      this.#isLooking = false;
      this.#nextLook = forever;
      this.#counted.clear();
    }
  }

  #ownersWaiting(): OwnStander[] {
    return [...this.#parts.standers()].filter(
      ({ callers, grants }) => grants.length === 0 && callers.first?.request.owner !== undefined,
    );
  }

  /** What cannot be read now is read the next time. */
  async #lookOnce(signal: AbortSignal): Promise<void> {
    let seen: Seen;
    try {
      seen = await this.#read(signal);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#parts.runtime.log.debug("deadlocks cannot be looked for", { why: error.message });
      return;
    }
    const waiting = this.#waitingByKey();
    const counted = new Set<string>();
    for (const circle of seen.circles) {
      for (const wait of circle.waits) {
        if (ownOf(wait, waiting) === undefined) continue;
        const { key, createRevision } = wait.contender;
        const id = `${key}@${String(createRevision)}`;
        counted.add(id);
        const counters = this.#parts.counters(wait.lock.pool);
        if (counters !== undefined && !this.#counted.has(id)) counters.deadlocked += 1;
      }
      this.#breakUp(circle, seen.rules, waiting);
    }
    this.#counted = counted;
  }

  #breakUp(circle: Circle, rules: Seen["rules"], waiting: Waiting): void {
    const victim = youngest(circle, ({ lock }) => rules.get(lock.pool)?.breaksDeadlocks === true);
    const own = victim === undefined ? undefined : ownOf(victim, waiting);
    if (victim === undefined || own === undefined) return;
    const counters = this.#parts.counters(victim.lock.pool);
    if (counters !== undefined) counters.aborted += 1;
    own.endWait(inDeadlock(victim, circle));
  }

  /** Once a look, and not for each wait of a circle: they may be thousands, and so may these. */
  #waitingByKey(): Waiting {
    const waiting = new Map<string, OwnStander>();
    for (const stander of this.#ownersWaiting())
      if (stander.place !== undefined && stander.isIn !== true)
        waiting.set(stander.place.key, stander);
    return waiting;
  }

  #isAdmitted(contender: Contender, own: ReadonlyMap<string, OwnStander>): boolean {
    const stander = own.get(contender.key);
    if (stander?.place === undefined || !isSame(contender, stander.place)) return false;
    return stander.grants.length > 0 || stander.isIn === true;
  }

  async #read(signal: AbortSignal): Promise<Seen> {
    const { runtime, store, namespace } = this.#parts;
    const locks = { ...prefixRange(`${dataRoot(namespace)}locks/`), limit: contendersMax };
    const wait = { signal, deadline: after(runtime.now(), answerMs) };
    const read = await store.read([locks, recordsOf(namespace)], wait);
    signal.throwIfAborted();
    if (read.kind === "refused") throw storeRefused(read.reason);
    if (read.kind === "unknown")
      throw new Refusal("backend_unreachable", `etcd did not answer (${read.reason.code}). Retry.`);
    const [contenders, records] = read.value.ranges;
    if (contenders !== undefined && contenders.count > contenders.keys.length) {
      throw new Refusal(
        "too_many_requests",
        `More than ${String(contendersMax)} hold locks and wait for them: too many to look for deadlocks among.`,
      );
    }
    const rules = new Map<string, Rules>();
    for (const kv of records?.keys ?? []) {
      const named = kindAndNameOf(kv.key, namespace);
      if (named?.kind !== distributedLockKind) continue;
      const { lock } = readRecord(kv, named.kind, named.name);
      if (lock !== undefined) rules.set(named.name, rulesOf(lock));
    }
    const steps = queuesOf(contenders?.keys ?? [], { namespace, rules });
    const queues = await inTurns(runtime, steps, signal);
    const own = new Map(
      [...this.#parts.standers()].flatMap((stander): [string, OwnStander][] =>
        stander.place === undefined ? [] : [[stander.place.key, stander]],
      ),
    );
    const looked = circlesIn(queues, (contender) => this.#isAdmitted(contender, own));
    const circles = await inTurns(runtime, looked, signal);
    return { circles, rules };
  }
}

/** Places that wait here, of owners, by their keys. */
type Waiting = ReadonlyMap<string, OwnStander>;

/** Who waits with that very contender, and was not let in meanwhile. */
function ownOf({ contender }: CircleWait, waiting: Waiting): OwnStander | undefined {
  const own = waiting.get(contender.key);
  return own?.place !== undefined && isSame(contender, own.place) ? own : undefined;
}

function* queuesOf(
  contenders: readonly KeyValue[],
  { namespace, rules }: { readonly namespace: string; readonly rules: Seen["rules"] },
): Steps<Queue[]> {
  const byLock = new Map<string, { readonly lock: LockName; readonly contenders: Contender[] }>();
  for (const kv of contenders) {
    yield;
    const contender = readContender(kv);
    const lock = contenderNameOf(contender.key, namespace);
    if (lock === undefined) continue;
    const path = `${lock.pool}/${lock.name}`;
    const queue = byLock.get(path);
    if (queue === undefined) byLock.set(path, { lock, contenders: [contender] });
    else queue.contenders.push(contender);
  }
  return [...byLock.values()].flatMap((queue): Queue[] => {
    // Of a pool that is gone every wait ends by itself.
    const sharing = rules.get(queue.lock.pool)?.sharing;
    return sharing === undefined
      ? []
      : [{ lock: queue.lock, sharing, contenders: inOrder(queue.contenders) }];
  });
}

function* listed(circles: readonly Circle[]): Steps<Deadlock[]> {
  const deadlocks: Deadlock[] = [];
  let left = listedMax;
  for (const circle of circles) {
    const waits: DeadlockWait[] = [];
    for (const wait of firstOf(circle, left)) {
      yield;
      waits.push(shownWait(wait));
    }
    if (waits.length > 0) deadlocks.push({ waits });
    left -= waits.length;
  }
  return deadlocks;
}

function firstOf({ waits }: Circle, max: number): CircleWait[] {
  const made = ({ contender }: CircleWait): Revision => contender.createRevision;
  return [...waits].sort((a, b) => (made(a) < made(b) ? -1 : 1)).slice(0, max);
}

function shownWait({ lock, contender, owner, behind }: CircleWait): DeadlockWait {
  const { holder, pod, mode, permits, since } = contender;
  const path = `${lock.pool}/${lock.name}`;
  return { owner, holder, pod, lock: path, mode, permits, since, behind: behind() };
}

function inDeadlock({ lock, owner }: CircleWait, circle: Circle): Refusal {
  const waits = firstOf(circle, factsMax).map(shownWait);
  const path = `${lock.pool}/${lock.name}`;
  const told = waits
    .slice(0, toldMax)
    .map((wait) => `'${wait.owner}' for '${wait.lock}' behind ${quoted(wait.behind)}`);
  const more = circle.waits.length - told.length;
  if (more > 0) told.push(`and ${String(more)} more`);
  return new Refusal(
    "deadlock",
    `The wait for lock '${path}' is ended: owners wait for each other (${told.join("; ")}), and this is the youngest wait among them (spec.onDeadlock). Release what '${owner}' holds, and begin again; or take the locks together, as a set.`,
    { lock: path, owner, waits },
  );
}

function quoted(owners: readonly string[]): string {
  return owners.map((owner) => `'${owner}'`).join(", ");
}
