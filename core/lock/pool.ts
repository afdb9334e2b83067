/**
 * One pool in this process: its cohorts, its counters, and the limits that are judged by counts. A pool is here only while
 * its resource is, or while somebody holds a lock of it.
 */
import { after, type Instant } from "../runtime.ts";
import { Refusal } from "../refusal.ts";
import type { Tasks } from "../tasks.ts";
import { askedFor, checkSameAsked } from "./asked.ts";
import { CohortsBeside } from "./beside.ts";
import type { CohortParts, CohortPool, Stander } from "./around.ts";
import { Cohort } from "./cohort.ts";
import { newCounters, type Counters } from "./counters.ts";
import { contenderNameOf, poolRange, type Lock } from "./keys.ts";
import { Line } from "./line.ts";
import { Looks } from "./looks.ts";
import { PoolMarks, sweep, type Mark } from "./marks.ts";
import type { Rules } from "./rules.ts";
import type { AcquireRequest, LostGuarantee } from "./views.ts";

/** A count may be so old. */
const countedForMs = 10_000;
const answerMs = 5_000;
/** A try on a lock that was seen held so lately reads before it writes. */
const seenHeldMs = 5_000;
const seenHeldMax = 10_000;

export interface PoolParts extends CohortParts {
  readonly tasks: Tasks;
}

/** One of a set. */
export interface MemberOf extends Stander {
  readonly beside: CohortsBeside;
}

export class Pool implements CohortPool<Cohort> {
  readonly name: string;
  readonly counters: Counters = newCounters();
  readonly marks: PoolMarks;
  readonly #parts: PoolParts;
  /** Those whose callers share a contender, by their lock. */
  readonly #cohorts = new Map<string, Cohort>();
  /** Those that stand beside others of their lock. */
  readonly #beside = new Map<string, CohortsBeside>();
  readonly #running = new Map<Cohort, Promise<void>>();
  /** Of grants that were lost with their session, until what was stated for them has run out. */
  readonly #lost = new Map<string, LostGuarantee>();
  readonly #seenHeld = new Map<string, Instant>();
  #namesCounted = 0;
  #countAgainAt: Instant | undefined;

  constructor(parts: PoolParts, name: string) {
    this.#parts = parts;
    this.name = name;
    this.marks = new PoolMarks(parts.namespace, name);
  }

  /** Of a pool whose resource is gone: nothing is left of it that this process knows. */
  get isOver(): boolean {
    return this.isIdle && !this.marks.expects(this.#parts.runtime.now());
  }

  sweep(orphan: Mark): void {
    const { store, tasks } = this.#parts;
    tasks.run(`sweeping ${orphan.markKey}`, () => sweep(store, orphan));
  }

  *cohorts(): Iterable<Cohort> {
    yield* this.#cohorts.values();
    for (const beside of this.#beside.values()) yield* beside;
  }

  get isIdle(): boolean {
    return this.#cohorts.size === 0 && this.#beside.size === 0;
  }

  /** Of one lock. */
  *cohortsOf(path: string): Iterable<Cohort> {
    const shared = this.#cohorts.get(path);
    if (shared !== undefined) yield shared;
    yield* this.#beside.get(path) ?? [];
  }

  /** All of one lock, members of sets too. */
  *standersOf(path: string): Iterable<Stander> {
    yield* this.cohortsOf(path);
    yield* this.#beside.get(path)?.members ?? [];
  }

  /** Beside whom one of a set stands in that lock's queue, once it is told {@link memberCame}. */
  besideFor(lock: Lock): CohortsBeside {
    const { runtime, store, mirror, followings } = this.#parts;
    return (
      this.#beside.get(lock.path) ??
      new CohortsBeside(
        new Line({ mirror, followings, lock }),
        new Looks({ runtime, store, mirror }, lock),
      )
    );
  }

  memberCame(member: MemberOf): void {
    this.#beside.set(member.lock.path, member.beside);
    member.beside.members.add(member);
  }

  memberWent(member: MemberOf): void {
    const { beside } = member;
    beside.waits(member, false);
    beside.members.delete(member);
    if (beside.isEmpty) this.#beside.delete(member.lock.path);
  }

  /** The cohort for such a request. One that is made now is started by {@link start}, after its first caller joined. */
  cohortFor(
    lock: Lock,
    rules: Rules,
    request: AcquireRequest,
  ): { readonly cohort: Cohort; readonly isNew: boolean } {
    const { mode, permits, owner } = request;
    const isMutual = mode === "exclusive" && rules.sharing.mode !== "Semaphore";
    // Who names an owner has a contender that carries it.
    const isOwner = owner !== undefined;
    const isTogether = mode === "shared" && !isOwner;
    const beside = isMutual && !isOwner ? undefined : this.besideFor(lock);
    this.#checkSameAsked(lock, request);
    const there =
      beside === undefined
        ? this.#cohorts.get(lock.path)
        : (beside.repeated(request) ?? (isTogether ? beside.open : undefined));
    if (there !== undefined) return { cohort: there, isNew: false };
    this.checkNames([lock], rules);
    if (beside !== undefined) this.#beside.set(lock.path, beside);
    const demand = { mode, permits };
    return {
      cohort: new Cohort(this.#parts, this, { lock, demand, beside, isTogether }),
      isNew: true,
    };
  }

  /** Of those who wait: of grants it is known elsewhere. */
  #checkSameAsked({ path }: Lock, request: AcquireRequest): void {
    if (request.requestId === undefined) return;
    for (const { callers } of this.cohortsOf(path)) {
      const same = callers.repeated(request);
      if (same !== undefined) checkSameAsked(request, askedFor(same.request));
    }
  }

  start(cohort: Cohort): void {
    const { beside, lock } = cohort;
    if (beside === undefined) this.#cohorts.set(lock.path, cohort);
    else beside.add(cohort);
    this.#parts.tasks.run(lock.path, () => {
      const running = cohort.run();
      const goesOn = beside?.has(cohort) ?? this.#cohorts.get(lock.path) === cohort;
      if (goesOn) this.#running.set(cohort, running);
      return running;
    });
  }

  ended(cohort: Cohort): void {
    const { beside, lock } = cohort;
    beside?.remove(cohort);
    if (beside === undefined) this.#cohorts.delete(lock.path);
    else if (beside.isEmpty) this.#beside.delete(lock.path);
    this.#running.delete(cohort);
  }

  #isInUse({ path }: Lock): boolean {
    return this.#cohorts.has(path) || this.#beside.has(path);
  }

  sawHeld({ path }: Lock): void {
    this.#seenHeld.delete(path);
    this.#seenHeld.set(path, after(this.#parts.runtime.now(), seenHeldMs));
    if (this.#seenHeld.size <= seenHeldMax) return;
    for (const oldest of this.#seenHeld.keys()) {
      this.#seenHeld.delete(oldest);
      return;
    }
  }

  wasSeenHeld({ path }: Lock): boolean {
    return this.#seenHeld.size > 0 && (this.#seenHeld.get(path) ?? 0) > this.#parts.runtime.now();
  }

  lost({ path }: Lock, guarantee: LostGuarantee): void {
    const before = this.#lost.get(path);
    if (before === undefined || before.until < guarantee.until) this.#lost.set(path, guarantee);
  }

  lostGuarantee({ path }: Lock): LostGuarantee | undefined {
    if (this.#lost.size === 0) return undefined;
    const now = this.#parts.runtime.now();
    // All of them run out within a session's ttl: few are ever here.
    for (const [other, { until }] of this.#lost) if (until <= now) this.#lost.delete(other);
    return this.#lost.get(path);
  }

  /** Resolves when every place that promises nothing is let go; `callersEnded`: none does. */
  async drain(refusal: Refusal, callersEnded: boolean): Promise<void> {
    const { runtime } = this.#parts;
    const leaving = [...this.#running].filter(([cohort]) => {
      cohort.drain(refusal);
      return callersEnded || cohort.grants.every(({ statedUntil }) => statedUntil <= runtime.now());
    });
    await Promise.all(leaving.map(([, ended]) => ended));
  }

  tooManyGrants({ limits }: Rules, more = 1): Refusal | undefined {
    const held = this.counters.granted - this.counters.over;
    const max = limits.grantsPerPod;
    if (held + more <= max) return undefined;
    const most = `${String(max)}, its limit (spec.limits.grantsPerPod)`;
    return new Refusal(
      "too_many_grants",
      more > max
        ? `${String(more)} grants of pool '${this.name}' are asked for at once; a pod may hold ${most}, and holds ${String(held)}. Ask for fewer, or raise the limit.`
        : `This pod holds ${String(held)} grants of pool '${this.name}', and may hold ${most}; asked for: ${String(more)} more. Release some, or raise the limit.`,
      { limit: "grantsPerPod", value: max, asked: more, inUse: held },
    );
  }

  /** @throws Refusal the pool has no room for those of its locks that are not in use here yet */
  checkNames(locks: readonly Lock[], { limits }: Rules): void {
    const { runtime, tasks } = this.#parts;
    const more = locks.filter((lock) => !this.#isInUse(lock)).length;
    if (more === 0) return;
    if (this.#countAgainAt === undefined || runtime.now() >= this.#countAgainAt) {
      this.#countAgainAt = after(runtime.now(), countedForMs);
      tasks.run(`counting pool ${this.name}`, (signal) => this.#count(limits.names, signal));
    }
    const names = Math.max(this.#namesCounted, this.#cohorts.size, this.#beside.size);
    const max = limits.names;
    if (names + more <= max) return;
    const asked = locks.length;
    const most = `${String(max)}, its limit (spec.limits.names)`;
    throw new Refusal(
      "too_many_names",
      asked > max
        ? `${String(asked)} locks of pool '${this.name}' are asked for at once; it may have ${most}, in use, and has ${String(names)}. Ask for fewer, or raise the limit.`
        : `Pool '${this.name}' has ${String(names)} locks in use, and may have ${most}; asked for: ${String(more)} more. Retry later, or raise the limit.`,
      { limit: "names", value: max, asked, inUse: names },
    );
  }

  /** Contenders are counted; only where they are more than names may be, the names themselves. */
  async #count(namesMax: number, signal: AbortSignal): Promise<void> {
    const { runtime, store, namespace } = this.#parts;
    const wait = { signal, deadline: after(runtime.now(), answerMs) };
    const range = poolRange(namespace, this.name);
    const counted = await store.read([{ ...range, countOnly: true }], wait);
    if (counted.kind !== "done") return;
    const contenders = counted.value.ranges[0]?.count ?? 0;
    if (contenders < namesMax) {
      this.#namesCounted = contenders;
      return;
    }
    const listed = await store.read([{ ...range, keysOnly: true }], wait);
    if (listed.kind !== "done") return;
    const keys = listed.value.ranges[0]?.keys ?? [];
    this.#namesCounted = new Set(keys.map(({ key }) => contenderNameOf(key, namespace)?.name)).size;
  }
}
