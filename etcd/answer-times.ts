/**
 * How long to wait for an answer: twice the slowest recent one, at least 2 s. A request without an answer counts as one
 * that took as long as it was waited for, so that the patience grows when etcd slows down, and shrinks again later.
 */
import type { Instant, Runtime } from "#core/runtime.ts";

const patienceMinMs = 2_000;
const patienceMaxMs = 10_000;
/** What is older than one to two of these is forgotten. */
const windowMs = 15_000;

export class AnswerTimes {
  readonly #runtime: Runtime;
  #windowFrom: Instant;
  #slowestMs = 0;
  #slowestBeforeMs = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#windowFrom = runtime.now();
  }

  /** How long a request sent now may take. */
  get patienceMs(): number {
    this.#slide();
    const slowestMs = Math.max(this.#slowestMs, this.#slowestBeforeMs);
    return Math.min(Math.max(2 * slowestMs, patienceMinMs), patienceMaxMs);
  }

  took(ms: number): void {
    this.#slide();
    if (ms > this.#slowestMs) this.#slowestMs = ms;
  }

  #slide(): void {
    const ageMs = this.#runtime.now() - this.#windowFrom;
    if (ageMs < windowMs) return;
    this.#slowestBeforeMs = ageMs < 2 * windowMs ? this.#slowestMs : 0;
    this.#slowestMs = 0;
    this.#windowFrom = this.#runtime.now();
  }
}
