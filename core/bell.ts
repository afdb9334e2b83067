/** Wakes all who wait for something to change. What has changed they look at themselves: a ring is only a reason to. */
import type { Instant, Runtime } from "./runtime.ts";

export interface BellWait {
  readonly until: Instant;
  readonly signal?: AbortSignal | undefined;
}

export class Bell {
  readonly #runtime: Runtime;
  readonly #waiting = new Set<() => void>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  ring(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** Resolves at the next ring, at `until`, or when `signal` aborts. Never rejects. */
  wait({ until, signal }: BellWait): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        timer.cancel();
        this.#waiting.delete(wake);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const timer = this.#runtime.timer(until, wake);
      this.#waiting.add(wake);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }
}
