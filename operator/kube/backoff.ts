/** How long to wait before trying again. All waits are bounded, and none says that it is the last. */
import type { Instant, Runtime } from "#core/runtime.ts";

export interface BackoffSettings {
  readonly firstMs: number;
  readonly factor: number;
  /** Before the jitter. */
  readonly maxMs: number;
  /** Up to so much is added, as a share: 1 doubles at most. */
  readonly jitter: number;
}

/** One thing that is tried again and again, such as a connection. */
export class Backoff {
  readonly #settings: BackoffSettings;
  readonly #runtime: Runtime;
  #nextMs: number;

  constructor(settings: BackoffSettings, runtime: Runtime) {
    this.#settings = settings;
    this.#runtime = runtime;
    this.#nextMs = settings.firstMs;
  }

  /** Milliseconds to wait now; grows with each call. */
  next(): number {
    const { factor, maxMs, jitter } = this.#settings;
    const waitMs = this.#nextMs;
    this.#nextMs = Math.min(waitMs * factor, maxMs);
    return waitMs * (1 + jitter * this.#runtime.random());
  }

  /** It went well: the next failure is the first. */
  reset(): void {
    this.#nextMs = this.#settings.firstMs;
  }
}

/** A growing wait for each key, as client-go's: 5 ms, doubled up to 1,000 s. */
export class KeyBackoff<K> {
  readonly #firstMs: number;
  readonly #maxMs: number;
  /** A key has an entry only between its failure and `forget`. */
  readonly #failures = new Map<K, number>();

  constructor(firstMs = 5, maxMs = 1_000_000) {
    this.#firstMs = firstMs;
    this.#maxMs = maxMs;
  }

  /** Milliseconds to wait before the key's next try. */
  next(key: K): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    return Math.min(this.#firstMs * 2 ** failures, this.#maxMs);
  }

  forget(key: K): void {
    this.#failures.delete(key);
  }

  failures(key: K): number {
    return this.#failures.get(key) ?? 0;
  }
}

/** So many at once, then so many a second; who comes too early is told how long to wait, and has then been counted. */
export class Bucket {
  readonly #runtime: Runtime;
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #countedAt: Instant;

  constructor(runtime: Runtime, { perSecond, burst }: { perSecond: number; burst: number }) {
    this.#runtime = runtime;
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#countedAt = runtime.now();
  }

  /** Takes one; milliseconds until it may be used. */
  reserve(): number {
    this.#fill();
    this.#tokens -= 1;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#perSecond) * 1_000;
  }

  /** Takes one, if there is one now. */
  take(): boolean {
    this.#fill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  #fill(): void {
    const now = this.#runtime.now();
    const gained = ((now - this.#countedAt) / 1_000) * this.#perSecond;
    this.#tokens = Math.min(this.#tokens + gained, this.#burst);
    this.#countedAt = now;
  }
}
