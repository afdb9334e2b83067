/**
 * The other port of `core/`: clocks, timers, chance and the log, handed in, so that a whole cluster of sidecars runs
 * in one process, in virtual time, from one seed.
 */
declare const brand: unique symbol;

/** Milliseconds on this process's monotonic clock. Never compared with another process's. */
export type Instant = number & { readonly [brand]: "Instant" };
/** Milliseconds since 1970 on the wall clock: for people, and for the fence base. */
export type Epoch = number & { readonly [brand]: "Epoch" };

/** The last moment that a date can be. */
export const momentMax = 8.64e15;

export function after(instant: Instant, ms: number): Instant {
  return (instant + ms) as Instant;
}

export const forever = Number.POSITIVE_INFINITY as Instant;

export interface Timer {
  /** Idempotent. A cancelled timer never fires. */
  cancel(): void;
}

export interface Runtime {
  now(): Instant;
  wallNow(): Epoch;
  /** Calls `fire` once, not before `atInstant`, never from within this call. */
  timer(atInstant: Instant, fire: () => void): Timer;
  /** Calls `run` once, when what has come in by now is taken in: a turn of the event loop later, before any wait. */
  turn(run: () => void): void;
  /** In [0, 1). */
  random(): number;
  /** Lower-case hexadecimal, unguessable, of `bytes` random bytes. */
  randomId(bytes: number): string;
  readonly log: Log;
}

export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** Resolves after `ms`; rejects with the signal's reason, at once, when it aborts. */
export function sleep(runtime: Runtime, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const timer = runtime.timer(after(runtime.now(), ms), () => {
      signal?.removeEventListener("abort", leave);
      resolve();
    });
    const leave = () => {
      timer.cancel();
      reject(signal?.reason as Error);
    };
    signal?.addEventListener("abort", leave, { once: true });
  });
}

/** So many small steps are a few milliseconds. */
const stepsAtOnce = 1_000;

/** Goes through all steps of a long work, and lets others have their turn now and then; rejects when the signal aborts. */
export async function inTurns<T>(
  runtime: Runtime,
  steps: Generator<undefined, T>,
  signal: AbortSignal,
): Promise<T> {
  for (let done = 1; ; done += 1) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (done % stepsAtOnce > 0) continue;
    await new Promise<void>((resolve) => {
      runtime.turn(resolve);
    });
    signal.throwIfAborted();
  }
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
    if (signal.aborted) resolve();
  });
}
