/** What the client takes from the machine, handed in, so that its tests run in virtual time. */
import { randomBytes } from "node:crypto";

export interface Timer {
  /** Idempotent. A cancelled timer never fires. */
  cancel(): void;
}

export interface Runtime {
  /** Milliseconds on the monotonic clock, which stands still while the machine sleeps. */
  now(): number;
  /** Milliseconds since 1970 on the wall clock, which anybody may set. */
  wallNow(): number;
  /**
   * Calls `fire` once, not before `atMs` of {@link now}, never from within this call.
   * @param keepsAlive whether the process is to wait for it (unset: yes)
   */
  timer(atMs: number, fire: () => void, keepsAlive?: boolean): Timer;
  /** Calls `run` when what is at hand is done. */
  turn(run: () => void): void;
  /** In [0, 1). */
  random(): number;
  /** Lower-case hexadecimal, unguessable, of so many random bytes. */
  randomId(bytes: number): string;
}

/** What setTimeout can hold; a longer wait is made of several. */
const timeoutMsMax = 2 ** 31 - 1;

export const realRuntime: Runtime = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  timer: (atMs, fire, keepsAlive = true) => new RealTimer(atMs, fire, keepsAlive),
  turn: (run) => void setImmediate(run),
  random: Math.random,
  randomId: (bytes) => randomBytes(bytes).toString("hex"),
};

/** Node's timeouts may end up to a millisecond early by the monotonic clock: one that did is set again for the rest. */
class RealTimer implements Timer {
  readonly #atMs: number;
  readonly #fire: () => void;
  readonly #keepsAlive: boolean;
  #timeout: NodeJS.Timeout | undefined;

  constructor(atMs: number, fire: () => void, keepsAlive: boolean) {
    this.#atMs = atMs;
    this.#fire = fire;
    this.#keepsAlive = keepsAlive;
    this.#set();
  }

  cancel(): void {
    clearTimeout(this.#timeout);
    this.#timeout = undefined;
  }

  #set(): void {
    const restMs = Math.ceil(this.#atMs - performance.now());
    this.#timeout = setTimeout(
      () => {
        if (performance.now() < this.#atMs) this.#set();
        else this.#fire();
      },
      Math.min(Math.max(restMs, 1), timeoutMsMax),
    );
    if (!this.#keepsAlive) this.#timeout.unref();
  }
}

export interface Pause {
  readonly signal?: AbortSignal | undefined;
  /** Unset: yes. */
  readonly keepsAlive?: boolean;
}

/** Resolves after `ms`, or as soon as the signal aborts: who waited looks which it was. */
export function pause(runtime: Runtime, ms: number, { signal, keepsAlive }: Pause): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const end = (): void => {
      timer.cancel();
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = runtime.timer(runtime.now() + ms, end, keepsAlive);
    signal?.addEventListener("abort", end, { once: true });
  });
}
