/**
 * For how long nobody else can be granted the lock, by what the sidecar has stated. A statement counts from the sending of its
 * question: an answer can be late, a question cannot. The longest one holds, whatever is stated later; one that was stated
 * before the machine slept holds no more.
 */
import type { SentAt } from "./calls.ts";
import type { Clock } from "./clock.ts";

/** A sidecar, too, takes a session for lost whose machine slept for longer than half of its margin. */
const sleptMaxMs = 500;
/** Less than a quarter is left: the questions of two thirds have failed, or the sidecar has lost etcd. */
const jeopardyFrom = 4;

export interface Stated {
  readonly sent: SentAt;
  readonly guaranteedForMs: number;
}

export class Guarantee {
  readonly #clock: Clock;
  #untilMs: number;
  #sleptMs: number;
  /** The longest that was stated. */
  #spanMs: number;

  constructor(clock: Clock, { sent, guaranteedForMs }: Stated) {
    this.#clock = clock;
    this.#untilMs = sent.atMs + guaranteedForMs;
    this.#sleptMs = sent.sleptMs;
    this.#spanMs = guaranteedForMs;
  }

  take({ sent, guaranteedForMs }: Stated): void {
    const untilMs = sent.atMs + guaranteedForMs;
    const wasVoid = this.hasSlept && sent.sleptMs > this.#sleptMs;
    if (untilMs < this.#untilMs && !wasVoid) return;
    this.#untilMs = untilMs;
    this.#sleptMs = sent.sleptMs;
    this.#spanMs = Math.max(this.#spanMs, guaranteedForMs);
  }

  /** 0: it is over. */
  get restMs(): number {
    return this.hasSlept ? 0 : Math.max(0, this.#untilMs - this.#clock.now());
  }

  get hasSlept(): boolean {
    return this.#clock.sleptMs - this.#sleptMs > sleptMaxMs;
  }

  /** Until {@link isInJeopardy}; 0: it is. */
  get calmForMs(): number {
    return Math.max(0, this.restMs - this.#spanMs / jeopardyFrom);
  }

  get isInJeopardy(): boolean {
    return this.calmForMs === 0;
  }
}
