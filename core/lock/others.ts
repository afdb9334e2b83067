/** Places of other sessions that wait for a lock, as lately seen: who holds for long looks no more, and others come and go. */
import type { Instant, Runtime } from "../runtime.ts";

/** So long what was seen is told. */
const seenForMs = 10_000;

export class Others {
  readonly #runtime: Runtime;
  #count = 0;
  #seenAt: Instant;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#seenAt = runtime.now();
  }

  saw(count: number): void {
    this.#count = count;
    this.#seenAt = this.#runtime.now();
  }

  get waiting(): number {
    return this.#runtime.now() - this.#seenAt <= seenForMs ? this.#count : 0;
  }
}
