/** A clock that stands still until it is moved, for what asks the time and sets few timers. */
import type { Epoch, Instant, Log, Runtime, Timer } from "#core/runtime.ts";

export class Clock implements Runtime {
  #now = 1_000;
  readonly #timers = new Set<{ at: number; fire: () => void }>();

  readonly log: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore };

  now(): Instant {
    return this.#now as Instant;
  }

  wallNow(): Epoch {
    return this.#now as Epoch;
  }

  timer(at: Instant, fire: () => void): Timer {
    const timer = { at, fire };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  turn(run: () => void): void {
    queueMicrotask(run);
  }

  random(): number {
    return 0.5;
  }

  randomId(bytes: number): string {
    return "0".repeat(2 * bytes);
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** In how many milliseconds each of them is due. */
  protected dueInMs(): number[] {
    return [...this.#timers].map(({ at }) => at - this.#now);
  }

  /** Fires what is due on the way, in order. */
  pass(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].sort((a, b) => a.at - b.at);
      if (next === undefined || next.at > end) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.fire();
    }
    this.#now = end;
  }
}

function ignore(): void {
  return undefined;
}
