/**
 * Looks at one lock, for all of this process that wait for it with places of their own. While one is under way, whoever comes
 * waits for the next and has it together with all who come meanwhile: one that began before may not show what they came for.
 * Each look reads all contenders, so a thousand who looked each for themselves would read, and hold, a million.
 */
import type { Revision } from "../store.ts";
import type { Lock } from "./keys.ts";
import { look, type Look } from "./look.ts";
import type { StepParts } from "./step-parts.ts";

interface Shared {
  atLeast: Revision;
  /** How many want it. */
  wanted: number;
  readonly nobodyWants: AbortController;
  seen: Promise<Look | undefined> | undefined;
}

export class Looks {
  readonly #parts: StepParts;
  readonly #lock: Lock;
  #underWay: Promise<unknown> | undefined;
  #next: Shared | undefined;

  constructor(parts: StepParts, lock: Lock) {
    this.#parts = parts;
    this.#lock = lock;
  }

  /** As {@link look}. */
  look(atLeast: Revision, signal: AbortSignal): Promise<Look | undefined> {
    const next = (this.#next ??= this.#begin(atLeast));
    if (next.atLeast < atLeast) next.atLeast = atLeast;
    next.wanted += 1;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        next.wanted -= 1;
        if (next.wanted === 0) this.#drop(next, signal.reason);
        reject(signal.reason as Error);
      };
      if (signal.aborted) leave();
      else signal.addEventListener("abort", leave, { once: true });
      const done = (): void => {
        signal.removeEventListener("abort", leave);
      };
      next.seen?.then(resolve, reject).finally(done);
    });
  }

  #begin(atLeast: Revision): Shared {
    const next: Shared = {
      ...{ atLeast, wanted: 0, seen: undefined },
      nobodyWants: new AbortController(),
    };
    next.seen = this.#read(next);
    return next;
  }

  async #read(next: Shared): Promise<Look | undefined> {
    await this.#underWay;
    const { signal } = next.nobodyWants;
    signal.throwIfAborted();
    this.#next = undefined;
    const seen = look(this.#parts, { lock: this.#lock, atLeast: next.atLeast }, signal);
    this.#underWay = Promise.allSettled([seen]);
    return seen;
  }

  #drop(next: Shared, reason: unknown): void {
    if (this.#next === next) this.#next = undefined;
    next.nobodyWants.abort(reason);
  }
}
