/**
 * Owned background work: nothing in `core/` or `etcd/` runs without an owner who can end it and who hears of its
 * failure. Closing aborts what runs and waits for it; a task that fails ends its owner.
 */
import { assert } from "./refusal.ts";

export class Tasks {
  /** By the number of the task, counted by `#begun`. */
  readonly #running = new Map<number, Promise<void>>();
  #begun = 0;
  readonly #controller = new AbortController();
  readonly #onFailure: (name: string, error: unknown) => void;
  #closed: Promise<void> | undefined;

  /** `onFailure` is told of a task that threw anything but the abort's reason; it decides what ends. */
  constructor(onFailure: (name: string, error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  /** Aborts when the owner closes. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  run(name: string, work: (signal: AbortSignal) => Promise<void>): void {
    assert(!this.signal.aborted, `task ${name} was started after its owner closed`);
    this.#begun += 1;
    this.#running.set(this.#begun, this.#settle(this.#begun, name, work(this.signal)));
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    this.#controller.abort(new Error("closed"));
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  async #settle(task: number, name: string, work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!this.signal.aborted) this.#onFailure(name, error);
    } finally {
      this.#running.delete(task);
    }
  }
}
