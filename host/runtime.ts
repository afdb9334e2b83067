/**
 * The Runtime port on the real machine: the monotonic clock, the wall clock, timers, chance and the log.
 */
import { closeSync, openSync, readSync } from "node:fs";
import type { Epoch, Instant, Log, Runtime, Timer } from "#core/runtime.ts";

/** What setTimeout can hold; a longer wait is made of several. */
const timeoutMsMax = 2 ** 31 - 1;

export function realRuntime(log: Log): Runtime {
  return {
    now,
    wallNow: () => Date.now() as Epoch,
    timer: (atInstant, fire) => new RealTimer(atInstant, fire),
    turn: setImmediate,
    random: Math.random,
    randomId: randomHex,
    log,
  };
}

/**
 * From the kernel, where `node:crypto` has it from, too; but that loads a megabyte for it into every sidecar. Of so few
 * bytes the kernel gives all at once.
 */
function randomHex(bytes: number): string {
  const random = Buffer.alloc(bytes);
  const file = openSync("/dev/urandom", "r");
  try {
    const sizeBytes = readSync(file, random);
    if (sizeBytes !== bytes) throw new Error(`the kernel gave ${sizeBytes} random bytes`);
  } finally {
    closeSync(file);
  }
  return random.toString("hex");
}

function now(): Instant {
  return performance.now() as Instant;
}

/** Node's timeouts may end up to a millisecond early by the monotonic clock: one that did is set again for the rest. */
class RealTimer implements Timer {
  readonly #atInstant: Instant;
  readonly #fire: () => void;
  #timeout: NodeJS.Timeout | undefined;

  constructor(atInstant: Instant, fire: () => void) {
    this.#atInstant = atInstant;
    this.#fire = fire;
    // A wait without end holds no timeout at all.
    if (atInstant !== Number.POSITIVE_INFINITY) this.#set();
  }

  cancel(): void {
    clearTimeout(this.#timeout);
    this.#timeout = undefined;
  }

  #set(): void {
    const restMs = Math.ceil(this.#atInstant - performance.now());
    this.#timeout = setTimeout(look, Math.min(Math.max(restMs, 1), timeoutMsMax), this);
  }

  look(): void {
    if (performance.now() < this.#atInstant) this.#set();
    else this.#fire();
  }
}

/** One function for all timers: most are cancelled before they fire. */
function look(timer: RealTimer): void {
  timer.look();
}
