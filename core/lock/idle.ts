/**
 * A lock that nobody uses stays with the pod that used it, for `stickyFor`: to take it again costs no write. It is given up at
 * once when somebody else stands behind it, and promises nothing: its last grant was released.
 *
 *   holding ──(released; nobody waits, here or elsewhere)──▶ idle ──(a caller comes)──▶ handed over
 *                                                             └──(a note · its time · the session ends · draining)──▶ left
 */
import { after, type Instant, type Runtime, type Timer } from "../runtime.ts";
import { isSame, type Mine } from "./order.ts";
import type { Contender } from "./contender.ts";

/** So long who only tries waits for places that are idle to go. */
const patienceMs = 1_000;
/** And so long where they may be: it is told at most once a second, and one that is goes as soon as its pod reads the note. */
const maybeIdleMs = 200;

/** What the pool says is heeded so soon. */
const lookEveryMs = 5_000;

export class Idle {
  readonly #runtime: Runtime;
  #timer: Timer | undefined;
  #over: (() => void) | undefined;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Resolves after `forMs`, as it is then (0: the pool is gone, or says so no more), or when it is ended. */
  rest(forMs: () => number): Promise<void> {
    const since = this.#runtime.now();
    return new Promise((resolve) => {
      this.#over = resolve;
      const look = (): void => {
        const now = this.#runtime.now();
        const until = after(since, forMs());
        if (now >= until) this.end();
        else
          this.#timer = this.#runtime.timer(
            Math.min(until, after(now, lookEveryMs)) as Instant,
            look,
          );
      };
      look();
    });
  }

  end(): void {
    this.#timer?.cancel();
    this.#over?.();
    this.#over = undefined;
  }
}

/** Until when who only tries waits, where all that stand before its place are idle, or may be. Undefined: it does not. */
export function idlePatience(
  contenders: readonly Contender[],
  place: Mine & { readonly takenAt: Instant },
  { now, stickyForMs }: { readonly now: Instant; readonly stickyForMs: number },
): Instant | undefined {
  const at = contenders.findIndex((one) => isSame(one, place));
  if (at <= 0) return undefined;
  const areIdle = contenders.slice(0, at).every(({ idle }) => idle);
  if (!areIdle && stickyForMs === 0) return undefined;
  const until = after(place.takenAt, areIdle ? patienceMs : maybeIdleMs);
  return now < until ? until : undefined;
}
