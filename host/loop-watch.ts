/**
 * Whether the event loop turns. A stalled loop cannot answer /livez at all; this tells, after it turned again, how
 * long it stood, so that a process that keeps stalling is seen as one.
 */
import { after, type Instant, type Runtime, type Timer } from "#core/runtime.ts";

const tickMs = 500;
/** Lags older than this say nothing of now. */
const memoryMs = 15_000;
/** A loop that stood this long is no working process: sessions of the usual 10 s are near their end by then. */
export const stallMsMax = 5_000;

export class LoopWatch implements Disposable {
  readonly #runtime: Runtime;
  #dueAt: Instant;
  #timer: Timer;
  #worst: { readonly lagMs: number; readonly at: Instant } | undefined;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#dueAt = after(runtime.now(), tickMs);
    this.#timer = runtime.timer(this.#dueAt, this.#tick);
  }

  /** The longest time that the loop lately stood, milliseconds. */
  lagMs(): number {
    const now = this.#runtime.now();
    const overdueMs = Math.max(0, now - this.#dueAt);
    const worst = this.#worst;
    return worst === undefined || now - worst.at > memoryMs
      ? overdueMs
      : Math.max(worst.lagMs, overdueMs);
  }

  /** What is wrong; undefined: the loop turns. */
  problem(): string | undefined {
    const lagMs = this.lagMs();
    if (lagMs < stallMsMax) return undefined;
    return `the event loop stood still for ${String(Math.round(lagMs))} ms`;
  }

  [Symbol.dispose](): void {
    this.#timer.cancel();
  }

  readonly #tick = (): void => {
    const now = this.#runtime.now();
    const lagMs = now - this.#dueAt;
    const worst = this.#worst;
    if (worst === undefined || lagMs >= worst.lagMs || now - worst.at > memoryMs)
      this.#worst = { lagMs, at: now };
    if (lagMs >= stallMsMax) this.#runtime.log.error("the event loop stood still", { lagMs });
    this.#dueAt = after(now, tickMs);
    this.#timer = this.#runtime.timer(this.#dueAt, this.#tick);
  };
}
