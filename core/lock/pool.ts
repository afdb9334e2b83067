/**
 * One pool in this process: its cohorts, its counters, and the limits that are judged by counts. A pool is here only while
 * its resource is, or while somebody holds a lock of it.
 */
import { after, type Instant } from "../runtime.ts";
import { Refusal } from "../refusal.ts";
import type { Tasks } from "../tasks.ts";
import { Cohort, type CohortParts, type CohortPool } from "./cohort.ts";
import { newCounters, type Counters } from "./counters.ts";
import { contenderNameOf, poolRange, type Lock } from "./keys.ts";
import type { Rules } from "./rules.ts";
import type { LostGuarantee } from "./views.ts";

/** A count may be so old. */
const countedForMs = 10_000;
const answerMs = 5_000;
/** A try on a lock that was seen held so lately reads before it writes. */
const seenHeldMs = 5_000;
const seenHeldMax = 10_000;

export interface PoolParts extends CohortParts {
  readonly tasks: Tasks;
}

export class Pool implements CohortPool {
  readonly name: string;
  readonly counters: Counters = newCounters();
  readonly #parts: PoolParts;
  readonly #cohorts = new Map<string, Cohort>();
  readonly #running = new Map<Cohort, Promise<void>>();
  /** Of grants that were lost with their session, until what was stated for them has run out. */
  readonly #lost = new Map<string, LostGuarantee>();
  readonly #seenHeld = new Map<string, Instant>();
  #namesCounted = 0;
  #countAgainAt: Instant | undefined;

  constructor(parts: PoolParts, name: string) {
    this.#parts = parts;
    this.name = name;
  }

  get cohorts(): IterableIterator<Cohort> {
    return this.#cohorts.values();
  }

  get isIdle(): boolean {
    return this.#cohorts.size === 0;
  }

  cohort(path: string): Cohort | undefined {
    return this.#cohorts.get(path);
  }

  /** The lock's cohort. One that is made now is started by {@link start}, after its first caller joined. */
  cohortFor(lock: Lock, rules: Rules): { readonly cohort: Cohort; readonly isNew: boolean } {
    const there = this.#cohorts.get(lock.path);
    if (there !== undefined) return { cohort: there, isNew: false };
    this.#checkNames(rules);
    return { cohort: new Cohort(this.#parts, this, lock), isNew: true };
  }

  start(cohort: Cohort): void {
    const { path } = cohort.lock;
    this.#cohorts.set(path, cohort);
    this.#parts.tasks.run(path, () => {
      const running = cohort.run();
      if (this.#cohorts.get(path) === cohort) this.#running.set(cohort, running);
      return running;
    });
  }

  ended(cohort: Cohort): void {
    this.#cohorts.delete(cohort.lock.path);
    this.#running.delete(cohort);
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
    this.#lost.set(path, guarantee);
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
      const { grant } = cohort;
      return callersEnded || grant === undefined || grant.statedUntil <= runtime.now();
    });
    await Promise.all(leaving.map(([, ended]) => ended));
  }

  checkGrants({ limits }: Rules): void {
    const held = this.counters.granted - this.counters.over;
    if (held < limits.grantsPerPod) return;
    throw new Refusal(
      "too_many_grants",
      `This pod holds ${String(held)} grants of pool '${this.name}', its limit (spec.limits.grantsPerPod). Release some, or raise the limit.`,
      { limit: "grantsPerPod", value: limits.grantsPerPod },
    );
  }

  #checkNames({ limits }: Rules): void {
    const { runtime, tasks } = this.#parts;
    if (this.#countAgainAt === undefined || runtime.now() >= this.#countAgainAt) {
      this.#countAgainAt = after(runtime.now(), countedForMs);
      tasks.run(`counting pool ${this.name}`, (signal) => this.#count(limits.names, signal));
    }
    const names = Math.max(this.#namesCounted, this.#cohorts.size);
    if (names < limits.names) return;
    throw new Refusal(
      "too_many_names",
      `Pool '${this.name}' has ${String(names)} locks in use, its limit (spec.limits.names). Retry later, or raise the limit.`,
      { limit: "names", value: limits.names },
    );
  }

  /** Contenders are counted; only where they are more than names may be, the names themselves. */
  async #count(namesMax: number, signal: AbortSignal): Promise<void> {
    const { runtime, store, namespace } = this.#parts;
    const wait = { signal, deadline: after(runtime.now(), answerMs) };
    const range = poolRange(namespace, this.name);
    const counted = await store.read([{ ...range, countOnly: true }], wait);
    if (counted.kind !== "done") return;
    this.#namesCounted = counted.value.ranges[0]?.count ?? 0;
    if (this.#namesCounted < namesMax) return;
    const listed = await store.read([{ ...range, keysOnly: true }], wait);
    if (listed.kind !== "done") return;
    const keys = listed.value.ranges[0]?.keys ?? [];
    this.#namesCounted = new Set(keys.map(({ key }) => contenderNameOf(key, namespace)?.name)).size;
  }
}
