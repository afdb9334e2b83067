/** The waiting of a cohort, step by step: each ends at once when nobody waits any more, or its place is void. */
import { sleep, type Instant, type Runtime } from "../runtime.ts";

const pauseMinMs = 20;
const pauseMaxMs = 1_000;

export class Steps {
  readonly #runtime: Runtime;
  readonly #callers: { readonly size: number };
  #step: AbortController | undefined;
  #pauseMs = pauseMinMs;

  /** `callers`: those who wait. */
  constructor(runtime: Runtime, callers: { readonly size: number }) {
    this.#runtime = runtime;
    this.#callers = callers;
  }

  /** Ends the step that is being done. */
  end(): void {
    this.#step?.abort(nobodyWaits);
  }

  /** Does one step of waiting; undefined: it was ended, or nobody wanted it. */
  async do<T>(step: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    if (this.#callers.size === 0) return undefined;
    const controller = new AbortController();
    this.#step = controller;
    try {
      return await step(controller.signal);
    } catch (error) {
      if (error !== nobodyWaits) throw error;
      return undefined;
    } finally {
      if (this.#step === controller) this.#step = undefined;
    }
  }

  /** Until then, or less. */
  async until(at: Instant): Promise<void> {
    const restMs = Math.max(0, at - this.#runtime.now());
    await this.do((signal) => sleep(this.#runtime, restMs, signal));
  }

  /** Longer each time, until {@link calm}. */
  async pause(): Promise<void> {
    const pauseMs = this.#pauseMs * (0.5 + this.#runtime.random());
    this.#pauseMs = Math.min(pauseMaxMs, this.#pauseMs * 2);
    await this.do((signal) => sleep(this.#runtime, pauseMs, signal));
  }

  calm(): void {
    this.#pauseMs = pauseMinMs;
  }
}

const nobodyWaits = new Error("nobody waits here any more");
