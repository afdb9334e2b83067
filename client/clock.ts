/**
 * A clock that goes on while the machine sleeps, as the clocks of all others do. The monotonic clock stands still then, so
 * the wall clock is held against it: where that one ran ahead, the machine slept (or somebody set the wall clock forward,
 * which cannot be told apart and is treated alike). A wall clock that is set back changes nothing.
 */
import type { Runtime } from "./runtime.ts";

/** The wall clock counts whole milliseconds and is nudged all the time: what is less is no sleep. */
const noticedMs = 50;

export class Clock {
  readonly #runtime: Runtime;
  #wallAheadMs: number;
  #sleptMs = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#wallAheadMs = runtime.wallNow() - runtime.now();
  }

  /** Milliseconds that only grow. */
  now(): number {
    this.#look();
    return this.#runtime.now() + this.#sleptMs;
  }

  /** How long the machine has slept in all, as far as that was seen. */
  get sleptMs(): number {
    this.#look();
    return this.#sleptMs;
  }

  #look(): void {
    const wallAheadMs = this.#runtime.wallNow() - this.#runtime.now();
    const gainedMs = wallAheadMs - this.#wallAheadMs;
    if (Math.abs(gainedMs) < noticedMs) return;
    this.#wallAheadMs = wallAheadMs;
    if (gainedMs > 0) this.#sleptMs += gainedMs;
  }
}
