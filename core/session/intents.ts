/**
 * "This key must not exist." The session's lease is shared, so a key that is not removed lives as long as the process:
 * a removal without an answer is kept here and repeated until etcd confirms it. A key that is here is never made again (its
 * seat is spoiled, {@link Seats}), so a delete can hit nobody else's and needs no epoch; where that is not certain (an
 * audit's find) the delete compares the create revision that was seen.
 *
 * When the session ends, what is left here goes with its lease.
 */
import { sleep, type Runtime } from "../runtime.ts";
import type { Key, Revision, Store } from "../store.ts";

const pauseMinMs = 50;
const pauseMaxMs = 2_000;
/** Removals under way at once. */
const inFlightMax = 256;

export class Intents {
  readonly #runtime: Runtime;
  readonly #store: Store;
  readonly #pending = new Map<Key, Revision | undefined>();
  #wake: (() => void) | undefined;

  constructor(runtime: Runtime, store: Store) {
    this.#runtime = runtime;
    this.#store = store;
  }

  get size(): number {
    return this.#pending.size;
  }

  has(key: Key): boolean {
    return this.#pending.has(key);
  }

  /** `created`: remove it only where it has this create revision. */
  add(key: Key, created?: Revision): void {
    this.#pending.set(key, created);
    this.#wake?.();
  }

  /** Works until `signal` aborts. `removed` is told of each key that is certainly gone. */
  async run(removed: (key: Key) => void, signal: AbortSignal): Promise<void> {
    let pauseMs = pauseMinMs;
    for (;;) {
      if (this.#pending.size === 0) await this.#someAdded(signal);
      signal.throwIfAborted();
      const batch = [...this.#pending].slice(0, inFlightMax);
      const gone = await Promise.all(batch.map(([key, created]) => this.#remove(key, created)));
      for (const [index, [key]] of batch.entries()) {
        if (gone[index] !== true) continue;
        this.#pending.delete(key);
        removed(key);
      }
      pauseMs = gone.includes(true) ? pauseMinMs : Math.min(pauseMaxMs, pauseMs * 2);
      if (this.#pending.size > 0)
        await sleep(this.#runtime, pauseMs * (0.5 + this.#runtime.random()), signal);
    }
  }

  async #remove(key: Key, created: Revision | undefined): Promise<boolean> {
    const outcome = await this.#store.write({
      given: [],
      when: created === undefined ? [] : [{ kind: "created", key, revision: created }],
      then: [{ kind: "delete", key }],
      otherwise: [],
    });
    return outcome.kind === "done";
  }

  #someAdded(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#wake = undefined;
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener("abort", wake, { once: true });
      // It may have been aborted while the last removal was under way: no event tells of that any more.
      if (signal.aborted) wake();
    });
  }
}
