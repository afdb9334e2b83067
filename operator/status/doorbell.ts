/** Wakes all who wait, or lets them wake by themselves at their time. */
import type { Instant, Runtime } from "#core/runtime.ts";

export class Doorbell {
  readonly #runtime: Runtime;
  readonly #waiting = new Set<() => void>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  ring(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Until somebody rings, or `at`. Rejects with the signal's reason. */
  wait(at: Instant, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        timer.cancel();
        this.#waiting.delete(wake);
        signal.removeEventListener("abort", leave);
      };
      const wake = (): void => {
        end();
        resolve();
      };
      const leave = (): void => {
        end();
        reject(signal.reason as Error);
      };
      const timer = this.#runtime.timer(at, wake);
      this.#waiting.add(wake);
      signal.addEventListener("abort", leave, { once: true });
      if (signal.aborted) leave();
    });
  }
}
