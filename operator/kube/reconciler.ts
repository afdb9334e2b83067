/**
 * The workers of one controller: each takes a key, reconciles it, and says what is to become of the key.
 *
 * | what a reconcile did       | the key                                                                |
 * | -------------------------- | ---------------------------------------------------------------------- |
 * | `done`                     | is forgotten until something adds it                                   |
 * | `later`                    | comes back after the time that it named                                |
 * | `again`                    | comes back as one that failed, without counting as an error            |
 * | threw                      | comes back later each time; not before a server's `Retry-After`         |
 * | took longer than it may    | its signal aborts; whatever it then does counts as above               |
 * | was ended by `close`       | is put back at once, for whoever reconciles next                       |
 *
 * A reconcile that does not listen to its signal keeps its worker and its key: two on one key would be worse. Nothing
 * that a reconcile throws ends the process, a broken invariant of its own neither: it is one object's, and is told.
 */
import { after, type Runtime } from "#core/runtime.ts";
import { Tasks } from "#core/tasks.ts";
import { KubeFailure } from "./errors.ts";
import type { ControllerCells, KubeMetrics } from "./metrics.ts";
import type { Taken, WorkQueue } from "./queue.ts";

export type Reconciled =
  | { readonly kind: "done" }
  | { readonly kind: "later"; readonly afterMs: number }
  | { readonly kind: "again" };

export interface ReconcilerParts<K extends string> {
  readonly name: string;
  readonly runtime: Runtime;
  readonly metrics: KubeMetrics;
  readonly queue: WorkQueue<K>;
  /** Makes the world as the object says, as far as it can. Reads what is now: the key says only where to look. */
  readonly reconcile: (key: K, signal: AbortSignal) => Promise<Reconciled>;
  /** Whether this process may act now; asked before each reconcile. Once it says no, the workers end. */
  readonly mayAct: () => boolean;
  readonly workers?: number;
  /** For one reconcile. */
  readonly timeoutMs?: number;
  readonly onFailure: (name: string, error: unknown) => void;
}

const workersDefault = 4;
const timeoutMsDefault = 60_000;

/** The abort's reason of a reconcile that took too long. */
export class ReconcileTimeout extends Error {
  override readonly name = "ReconcileTimeout";
}

export class Reconciler<K extends string> implements AsyncDisposable {
  readonly #parts: ReconcilerParts<K>;
  readonly #cells: ControllerCells;
  readonly #tasks: Tasks;
  /** Aborts when no more keys are to be taken. */
  readonly #taking = new AbortController();
  readonly #workers: Promise<void>[] = [];
  #active = 0;

  private constructor(parts: ReconcilerParts<K>) {
    this.#parts = parts;
    this.#cells = parts.metrics.controller(parts.name);
    this.#tasks = new Tasks(parts.onFailure);
  }

  static start<K extends string>(parts: ReconcilerParts<K>): Reconciler<K> {
    const reconciler = new Reconciler(parts);
    const workers = parts.workers ?? workersDefault;
    reconciler.#cells.max.set(workers);
    for (let worker = 0; worker < workers; worker++) {
      const ended = Promise.withResolvers<void>();
      reconciler.#workers.push(ended.promise);
      reconciler.#tasks.run(`reconciling ${parts.name}`, (signal) =>
        reconciler.#work(signal).finally(ended.resolve),
      );
    }
    return reconciler;
  }

  /** Takes no more keys; resolves when those that were taken are done. */
  async drain(): Promise<void> {
    this.#taking.abort(new Error("the workers drain"));
    await Promise.all(this.#workers);
  }

  /** Aborts what runs, and waits for it. */
  close(): Promise<void> {
    this.#taking.abort(new Error("the workers are closed"));
    return this.#tasks.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #work(closing: AbortSignal): Promise<void> {
    const { queue, mayAct } = this.#parts;
    for (;;) {
      const taken = await this.#take();
      if (taken === undefined) return;
      try {
        if (closing.aborted || !mayAct()) {
          queue.add(taken.key, taken.priority);
          return;
        }
        await this.#reconcile(taken, closing);
      } finally {
        queue.done(taken.key);
      }
    }
  }

  async #take(): Promise<Taken<K> | undefined> {
    const { signal } = this.#taking;
    try {
      return await this.#parts.queue.take(signal);
    } catch (error) {
      if (error === signal.reason) return undefined;
      throw error;
    }
  }

  async #reconcile(taken: Taken<K>, closing: AbortSignal): Promise<void> {
    const { runtime, reconcile } = this.#parts;
    const startedAt = runtime.now();
    this.#cells.active.set(++this.#active);
    using limit = this.#limit(taken.key, closing);
    try {
      this.#succeeded(taken, await reconcile(taken.key, limit.signal));
    } catch (error) {
      if (closing.aborted) this.#parts.queue.add(taken.key, taken.priority);
      else this.#failed(taken, error);
    } finally {
      this.#cells.active.set(--this.#active);
      this.#cells.time.observe((runtime.now() - startedAt) / 1_000);
    }
  }

  #succeeded({ key, priority }: Taken<K>, result: Reconciled): void {
    const { queue } = this.#parts;
    switch (result.kind) {
      case "done":
        this.#cells.results.success.add();
        queue.forget(key);
        return;
      case "later":
        this.#cells.results.requeue_after.add();
        queue.forget(key);
        // It asked to look again: no user waits for that.
        queue.addAfter(key, result.afterMs, "background");
        return;
      case "again":
        this.#cells.results.requeue.add();
        queue.addRateLimited(key, priority);
        return;
      default:
        result satisfies never;
    }
  }

  #failed({ key, priority }: Taken<K>, error: unknown): void {
    const { name, queue, runtime } = this.#parts;
    this.#cells.results.error.add();
    this.#cells.errors.add();
    if (isBug(error)) this.#cells.panics.add();
    queue.addRateLimited(key, priority, error instanceof KubeFailure ? error.retryAfterMs : 0);
    runtime.log.error("a reconcile failed; it is tried again", {
      controller: name,
      object: key,
      failures: queue.failures(key),
      error,
    });
  }

  /** The signal of one reconcile: aborts when its time is over, and with all others when the workers close. */
  #limit(key: K, closing: AbortSignal): Disposable & { readonly signal: AbortSignal } {
    const { runtime, timeoutMs = timeoutMsDefault } = this.#parts;
    const controller = new AbortController();
    const leave = (): void => {
      controller.abort(closing.reason);
    };
    closing.addEventListener("abort", leave, { once: true });
    const timer = runtime.timer(after(runtime.now(), timeoutMs), () => {
      this.#cells.timeouts.add();
      controller.abort(new ReconcileTimeout(`${key} was reconciled for more than ${timeoutMs} ms`));
    });
    return {
      signal: controller.signal,
      [Symbol.dispose]: () => {
        timer.cancel();
        closing.removeEventListener("abort", leave);
      },
    };
  }
}

/** What says that the code is wrong, and not the world: a failed assertion, or the language's own errors. */
function isBug(error: unknown): boolean {
  return (
    !(error instanceof Error) ||
    error.name === "Bug" ||
    [TypeError, RangeError, ReferenceError, SyntaxError].some((kind) => error instanceof kind)
  );
}
