/**
 * The keys that wait for a worker. A key stands for "look again", so it is held once, however often it is added.
 *
 * | set          | entered by                                   | left by                                         |
 * | ------------ | -------------------------------------------- | ----------------------------------------------- |
 * | `waiting`    | add; the end of a delay; `done` of a dirty key | take → `processing`                            |
 * | `processing` | take                                         | `done`                                          |
 * | `dirty`      | add of a key that is in `processing`         | `done` → `waiting`                              |
 * | `delayed`    | addAfter, addRateLimited                     | its time → as by add; add, which needs no delay |
 *
 * A key is in one of waiting and delayed, or in processing and there perhaps in dirty or delayed, too: never with two
 * workers. What users do (`edit`) goes before what only a start or a resync brings (`background`): after a restart with
 * thousands of resources an edit does not wait for them. Within a priority, first come, first served.
 */
import { assert } from "#core/refusal.ts";
import { after, type Instant, type Runtime, type Timer } from "#core/runtime.ts";
import { Bucket, KeyBackoff } from "./backoff.ts";
import type { KubeMetrics, QueueCells, QueueView } from "./metrics.ts";

export type Priority = "edit" | "background";

/** As controller-runtime numbers them. */
const priorityNumbers = { edit: 0, background: -100 } as const satisfies Record<Priority, number>;

/** Above what a reflector may hold; it bounds memory where a handler invents keys. */
const keysMax = 500_000;
/** Of all keys together, as controller-runtime's: what fails everywhere at once must not become a storm. */
const retries = { perSecond: 10, burst: 100 } as const;

export interface WorkQueueParts {
  /** The controller's; a label of metrics. */
  readonly name: string;
  readonly runtime: Runtime;
  readonly metrics: KubeMetrics;
}

export interface Taken<K> {
  readonly key: K;
  readonly priority: Priority;
}

/** It holds all the keys that it may; the next resync brings the one that it did not take. */
export class QueueFull extends Error {
  override readonly name = "QueueFull";
}

interface Wish {
  readonly priority: Priority;
  readonly since: Instant;
}

interface Delayed {
  readonly priority: Priority;
  readonly at: Instant;
  readonly timer: Timer;
}

export class WorkQueue<K extends string> implements QueueView {
  readonly name: string;
  readonly #runtime: Runtime;
  readonly #metrics: KubeMetrics;
  readonly #cells: QueueCells;
  readonly #waiting = {
    edit: new Map<K, Instant>(),
    background: new Map<K, Instant>(),
  } as const satisfies Record<Priority, Map<K, Instant>>;
  readonly #processing = new Map<K, Instant>();
  readonly #dirty = new Map<K, Wish>();
  readonly #delayed = new Map<K, Delayed>();
  /** In the order in which they came. */
  readonly #takers = new Set<(taken: Taken<K> | undefined) => void>();
  readonly #failures = new KeyBackoff<K>();
  readonly #retries: Bucket;
  readonly #idle = Promise.withResolvers<void>();
  #draining = false;

  constructor({ name, runtime, metrics }: WorkQueueParts) {
    this.name = name;
    this.#runtime = runtime;
    this.#metrics = metrics;
    this.#cells = metrics.queue(name);
    this.#retries = new Bucket(runtime, retries);
    metrics.addQueue(this);
  }

  /** Waiting keys; those that are delayed or worked on do not count. */
  get depth(): number {
    return this.#waiting.edit.size + this.#waiting.background.size;
  }

  /** How often the key has failed since it was last forgotten. */
  failures(key: K): number {
    return this.#failures.failures(key);
  }

  /** Wants the key looked at, now. Throws {@link QueueFull} for a key that is not known. */
  add(key: K, priority: Priority): void {
    if (this.#draining) return;
    const delayed = this.#delayed.get(key);
    this.#admit(key);
    this.#forgetDelay(key);
    this.#put(key, delayed === undefined ? priority : higher(priority, delayed.priority));
  }

  /** Wants the key looked at in `delayMs`, or with what brings it up before that. */
  addAfter(key: K, delayMs: number, priority: Priority): void {
    if (this.#draining) return;
    if (delayMs <= 0) {
      this.add(key, priority);
      return;
    }
    this.#admit(key);
    this.#cells.retries.add();
    // It is looked at before that anyway.
    if (this.#isWaiting(key) || this.#dirty.has(key)) return;
    const before = this.#delayed.get(key);
    const at = Math.min(after(this.#runtime.now(), delayMs), before?.at ?? Infinity) as Instant;
    const wanted = before === undefined ? priority : higher(priority, before.priority);
    before?.timer.cancel();
    const timer = this.#runtime.timer(at, () => {
      this.#delayed.delete(key);
      this.#put(key, wanted);
    });
    this.#delayed.set(key, { at, priority: wanted, timer });
  }

  /** Wants the key looked at again because it failed: later each time, and `atLeastMs` from now. */
  addRateLimited(key: K, priority: Priority, atLeastMs = 0): void {
    const delayMs = Math.max(this.#failures.next(key), this.#retries.reserve(), atLeastMs);
    this.addAfter(key, delayMs, priority);
  }

  /** It went well: the key's next failure is its first. */
  forget(key: K): void {
    this.#failures.forget(key);
  }

  /**
   * The next key, which the caller then works on, and gives back by `done`. Undefined: the queue drains. Rejects with
   * the signal's reason, at once.
   */
  take(signal: AbortSignal): Promise<Taken<K> | undefined> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const leave = (): void => {
        this.#takers.delete(taker);
        reject(signal.reason as Error);
      };
      const taker = (taken: Taken<K> | undefined): void => {
        this.#takers.delete(taker);
        signal.removeEventListener("abort", leave);
        resolve(taken);
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#takers.add(taker);
      this.#hand();
    });
  }

  /** Ends the work on a key that was taken. */
  done(key: K): void {
    const startedAt = this.#processing.get(key);
    assert(startedAt !== undefined, `${key} was taken before it is done`);
    this.#processing.delete(key);
    this.#cells.worked.observe((this.#runtime.now() - startedAt) / 1_000);
    const dirty = this.#dirty.get(key);
    this.#dirty.delete(key);
    if (dirty !== undefined) this.#wait(key, dirty.priority, dirty.since);
    if (this.#draining && this.#processing.size === 0) this.#idle.resolve();
  }

  /** Takes nothing more and gives nothing out; resolves when what is worked on is done. What waits is let go. */
  drain(): Promise<void> {
    if (!this.#draining) this.#stop();
    return this.#idle.promise;
  }

  depths(): { priority: number; keys: number }[] {
    return (["edit", "background"] as const).map((priority) => ({
      priority: priorityNumbers[priority],
      keys: this.#waiting[priority].size,
    }));
  }

  workedMs(): number[] {
    const now = this.#runtime.now();
    return [...this.#processing.values()].map((startedAt) => now - startedAt);
  }

  #stop(): void {
    this.#draining = true;
    for (const { timer } of this.#delayed.values()) timer.cancel();
    for (const keys of [this.#delayed, this.#dirty, ...Object.values(this.#waiting)]) keys.clear();
    for (const taker of [...this.#takers]) taker(undefined);
    this.#metrics.removeQueue(this);
    if (this.#processing.size === 0) this.#idle.resolve();
  }

  #admit(key: K): void {
    const known = this.#isWaiting(key) || this.#processing.has(key) || this.#delayed.has(key);
    const keys = this.depth + this.#processing.size + this.#delayed.size;
    if (!known && keys >= keysMax)
      throw new QueueFull(`the queue of ${this.name} holds ${keysMax} keys, its limit`);
  }

  #isWaiting(key: K): boolean {
    return this.#waiting.edit.has(key) || this.#waiting.background.has(key);
  }

  #forgetDelay(key: K): void {
    this.#delayed.get(key)?.timer.cancel();
    this.#delayed.delete(key);
  }

  #put(key: K, priority: Priority): void {
    const now = this.#runtime.now();
    if (!this.#processing.has(key)) {
      if (!this.#isWaiting(key)) this.#cells.adds.add();
      this.#wait(key, priority, now);
      return;
    }
    const dirty = this.#dirty.get(key);
    if (dirty === undefined) this.#cells.adds.add();
    this.#dirty.set(key, {
      priority: dirty === undefined ? priority : higher(priority, dirty.priority),
      since: dirty?.since ?? now,
    });
  }

  #wait(key: K, priority: Priority, since: Instant): void {
    if (this.#draining) return;
    const { edit, background } = this.#waiting;
    const before = background.get(key);
    if (priority === "edit" && before !== undefined) background.delete(key);
    if (!edit.has(key) && !background.has(key)) this.#waiting[priority].set(key, before ?? since);
    this.#hand();
  }

  #hand(): void {
    const [taker] = this.#takers;
    if (this.#draining) taker?.(undefined);
    else if (taker !== undefined && this.depth > 0) taker(this.#next());
  }

  #next(): Taken<K> {
    const priority: Priority = this.#waiting.edit.size > 0 ? "edit" : "background";
    const first = this.#waiting[priority].entries().next().value;
    assert(first !== undefined, "a queue that is not empty has a first key");
    const [key, since] = first;
    assert(!this.#processing.has(key), `${key} is with one worker`);
    this.#waiting[priority].delete(key);
    const now = this.#runtime.now();
    this.#processing.set(key, now);
    this.#cells.waited.observe((now - since) / 1_000);
    return { key, priority };
  }
}

function higher(a: Priority, b: Priority): Priority {
  return a === "edit" ? a : b;
}
