/**
 * Markers: for a pool with a lockDelay, what a holder leaves behind who is lost. A marker hangs on no lease:
 *
 *   (granted) ──put, comparing the contender──▶ stands beside its contender ──clean end: deleted with it──▶ gone
 *                                                └──the contender goes alone──▶ orphan ──a delay later──▶ swept
 *
 * An orphan keeps the place that its contender had in the lock's order, for its delay, counted by each process on its own clock
 * from when that one first saw it: later than the loss. Whoever may then hold the lock sweeps it, and so does the holder of the role
 * `sweeper` where nobody asks for the lock any more (sweeper.ts); both compare the revision that they saw.
 *
 * Writes: the marker before the grant is answered, comparing the contender's create revision: one that comes late, or is
 * repeated because its answer was lost, marks nothing that came after. Every entry either is given that the pool has no marker at
 * all, or lists those of its lock; every deciding read reads them in its snapshot.
 */
import { after, sleep, type Instant, type Runtime } from "../runtime.ts";
import type { StaleFact, StoreRefusal } from "../outcome.ts";
import { bigintOf, decodeJson, encodeJson, wholeOf } from "../json.ts";
import type { ResourceRecord } from "../spec/records.ts";
import type { Fact, Key, KeyValue, Revision, Store } from "../store.ts";
import {
  contenderFields,
  readContender,
  type Contender,
  type ContenderValue,
} from "./contender.ts";
import { markedKey, markKey, poolMarks, type Lock } from "./keys.ts";
import { inOrder, isSame, standing, wouldWait } from "./order.ts";
import type { Demand, Mine, Sharing, Standing } from "./order.ts";
import type { Place } from "./place.ts";
import { rulesNow, rulesOf } from "./rules.ts";
import type { StepParts } from "./step-parts.ts";

/** The longest that a pool may have: a marker that says more was written by nobody of us. */
const delayMaxMs = 3_600_000;
const againMs = 100;
/** After the last one was seen in the pool, entries list the lock's markers for so long, then count on none again. */
const expectedForMs = 60_000;
/** Locks whose orphans are remembered; of one that is forgotten the delay begins anew. */
const rememberedMax = 10_000;

/** A marker as it stands in etcd: the contender that it was made for, by that one's key and create revision. */
export interface Mark extends Contender {
  readonly markKey: Key;
  /** Of the marker itself. */
  readonly markedAt: Revision;
  readonly delayMs: number;
}

export function readMark(lock: Lock, kv: KeyValue): Mark {
  const value = decodeJson(kv.value) ?? {};
  return {
    ...readContender(kv),
    key: markedKey(lock, kv.key),
    createRevision: (bigintOf(value["created"]) ?? 0n) as Revision,
    markKey: kv.key,
    markedAt: kv.modRevision,
    delayMs: wholeOf(value["delayMs"], delayMaxMs) ?? delayMaxMs,
  };
}

/** Those whose contender is not among `contenders`, seen at the same revision. */
export function orphansOf(marks: readonly Mark[], contenders: readonly Contender[]): Mark[] {
  return marks.filter(
    ({ key, createRevision: created }) =>
      !contenders.some((contender) => isSame(contender, { key, created })),
  );
}

export type Marked =
  | { readonly kind: "marked" }
  /** The contender does not stand any more, or the session is over, or nobody wants it. */
  | { readonly kind: "gone" }
  | { readonly kind: "refused"; readonly reason: StoreRefusal };

export interface MarkFor {
  readonly lock: Lock;
  readonly tell: () => ContenderValue;
  /** Somebody still counts on the marker that stands: its delay may only grow. */
  readonly isCountedOn?: boolean;
  /** Whether anybody still waits for the grant. */
  readonly isWanted: () => boolean;
  /** Etcd did not answer: whoever has no time left is to hear that nothing is known. */
  readonly silent: () => void;
}

/** Where its pool has a lockDelay, a place is granted only with its marker. Undefined: it needs no other than it has. */
export async function markAsNeeded(
  parts: StepParts,
  place: Place,
  { lock, isCountedOn = false, ...rest }: MarkFor,
): Promise<Marked | undefined> {
  const hasMs = place.mark?.delayMs ?? 0;
  const ruleMs = rulesNow(parts.mirror, lock.pool)?.lockDelayMs ?? 0;
  const delayMs = isCountedOn ? Math.max(hasMs, ruleMs) : ruleMs;
  const hasIt = hasMs === delayMs && place.mark?.stands !== false;
  if (hasIt || !rest.isWanted()) return undefined;
  return mark(parts, place, { lock, delayMs, ...rest });
}

/** Puts the marker of a place that holds the lock. Repeated while etcd does not answer: it says the same each time. */
async function mark(
  { runtime, store }: { readonly runtime: Runtime; readonly store: Store },
  place: Place,
  { lock, delayMs, tell, isWanted, silent }: MarkFor & { readonly delayMs: number },
): Promise<Marked> {
  const { session, key, created } = place;
  const marked = markKey(lock, key);
  place.mark = { key: marked, delayMs, stands: false };
  const fields = { ...contenderFields(tell()), created: created.toString(), delayMs };
  while (session.isAlive() && isWanted()) {
    const sentUnder = session.epoch;
    const outcome = await store.write({
      given: [session.holds()],
      when: [{ kind: "created", key, revision: created }],
      then: [{ kind: "putDurable", key: marked, value: encodeJson(fields) }],
      otherwise: [],
    });
    if (outcome.kind === "done") {
      if (outcome.value.held) place.mark = { key: marked, delayMs, stands: true };
      return { kind: outcome.value.held ? "marked" : "gone" };
    }
    if (outcome.kind === "unknown") {
      silent();
      await sleep(runtime, againMs * (0.5 + runtime.random()));
    } else if (outcome.reason.code === "stale") await session.leaveEpoch(sentUnder);
    else return { kind: "refused", reason: outcome.reason };
  }
  return { kind: "gone" };
}

/** Lets go of an orphan whose delay is over. What is not deleted now is, by the next who sees it. */
export async function sweep(store: Store, { markKey: key, markedAt }: Mark): Promise<void> {
  await store.write({
    given: [],
    when: [{ kind: "modified", key, revision: markedAt }],
    then: [{ kind: "delete", key }],
    otherwise: [],
  });
}

/** Where a place stands when what was lost before it counts. */
export type Stand<C> =
  | Standing<C>
  /** Only what was lost keeps it waiting. */
  | { readonly kind: "delayed"; readonly by: Ghost };

export function standingBehind<C extends Contender>(
  contenders: readonly C[],
  ghosts: readonly Ghost[],
  { mine, sharing }: { readonly mine: Mine; readonly sharing: Sharing },
): Stand<C> {
  const alone = standing(contenders, mine, sharing);
  if (alone.kind !== "holds" || ghosts.length === 0) return alone;
  const all = standing<Contender>(inOrder([...contenders, ...ghosts]), mine, sharing);
  if (all.kind === "holds") return alone;
  return {
    kind: "delayed",
    by: ghosts.reduce((one, next) => (next.until < one.until ? next : one)),
  };
}

/** The first of those who would keep one more from holding. Undefined: nobody would. Who is idle goes when he hears of it. */
export function inTheWay(
  contenders: readonly Contender[],
  ghosts: readonly Ghost[],
  [demand, sharing]: readonly [Demand, Sharing],
): Contender | undefined {
  const all = inOrder([...contenders.filter(({ idle }) => !idle), ...ghosts]);
  return wouldWait(all, demand, sharing) ? all[0] : undefined;
}

/** An orphan that still counts as a contender. */
export interface Ghost extends Mark {
  readonly until: Instant;
}

interface Orphans {
  readonly ghosts: readonly Ghost[];
  /** Their delay is over. */
  readonly spent: readonly Mark[];
}

/** What a process knows of the markers of one pool. */
export class PoolMarks {
  readonly #range: { readonly key: Key; readonly end: Key };
  readonly #none: readonly Fact[];
  /** By the lock's path, then by the marker: since when it is seen as an orphan. */
  readonly #seen = new Map<
    string,
    Map<Key, { readonly markedAt: Revision; readonly since: Instant }>
  >();
  #expectedUntil: Instant | undefined;

  constructor(namespace: string, pool: string) {
    this.#range = poolMarks(namespace, pool);
    this.#none = [{ kind: "empty", ...this.#range }];
  }

  /** Given to an entry: that the pool has no marker. Empty: it may have, and the entry lists those of its lock. */
  none({ lock }: ResourceRecord, now: Instant): readonly Fact[] {
    const delays = lock !== undefined && rulesOf(lock).lockDelayMs > 0;
    return delays || this.expects(now) ? [] : this.#none;
  }

  /** Whether one was seen lately. */
  expects(now: Instant): boolean {
    return this.#expectedUntil !== undefined && now < this.#expectedUntil;
  }

  /** Whether any of these says that there is one after all. */
  tookStale(facts: readonly StaleFact[], now: Instant): void {
    if (facts.some(({ fact }) => fact.key === this.#range.key)) this.#expect(now);
  }

  #expect(now: Instant): void {
    this.#expectedUntil = after(now, expectedForMs);
  }

  /** What a look shows: the orphans that still count, and those that do not any more. */
  orphans(
    { path }: Lock,
    seen: {
      readonly contenders: readonly Contender[];
      readonly marks: readonly Mark[];
      readonly at: Instant;
    },
    now: Instant,
  ): Orphans {
    const before = this.#seen.get(path);
    this.#seen.delete(path);
    if (seen.marks.length === 0) return { ghosts: [], spent: [] };
    this.#expect(now);
    const orphans = orphansOf(seen.marks, seen.contenders);
    if (orphans.length === 0) return { ghosts: [], spent: [] };
    const since = new Map(
      orphans.map(({ markKey: key, markedAt }) => {
        const known = before?.get(key);
        return [key, known?.markedAt === markedAt ? known : { markedAt, since: seen.at }];
      }),
    );
    this.#seen.set(path, since);
    this.#forgetOldest();
    const ghosts: Ghost[] = [];
    const spent: Mark[] = [];
    for (const orphan of orphans) {
      const until = after(since.get(orphan.markKey)?.since ?? seen.at, orphan.delayMs);
      if (until > now) ghosts.push({ ...orphan, until });
      else spent.push(orphan);
    }
    return { ghosts, spent };
  }

  #forgetOldest(): void {
    if (this.#seen.size <= rememberedMax) return;
    for (const oldest of this.#seen.keys()) {
      this.#seen.delete(oldest);
      return;
    }
  }
}
