/** What one side hands over one by one and the other iterates over, with a bound. */
export class Stream<T> {
  readonly #waiting: T[] = [];
  readonly #name: string;
  #wake: (() => void) | undefined;
  #ended = false;

  constructor(name: string) {
    this.#name = name;
  }

  get ended(): boolean {
    return this.#ended;
  }

  push(item: T): void {
    if (this.#ended) return;
    if (this.#waiting.length >= waitingMax) {
      throw new Error(`${this.#name}: nobody takes what comes, ${String(waitingMax)} items wait`);
    }
    this.#waiting.push(item);
    this.#wake?.();
  }

  /** What was handed over before is still iterated over. Idempotent. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** As {@link end}, and what waits is dropped. */
  abandon(): void {
    this.#waiting.length = 0;
    this.end();
  }

  async *items(): AsyncGenerator<T, void, undefined> {
    for (;;) {
      while (this.#waiting.length > 0) yield this.#waiting.shift() as T;
      if (this.#ended) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}

/** A simulated consumer that is so far behind has stopped consuming. */
const waitingMax = 10_000;
