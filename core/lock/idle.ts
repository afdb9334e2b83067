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

export class Idle {
  readonly #runtime: Runtime;
  #timer: Timer | undefined;
  #over: (() => void) | undefined;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Resolves after `forMs`, or when it is ended. */
  rest(forMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#over = resolve;
      this.#timer = this.#runtime.timer(after(this.#runtime.now(), forMs), () => {
        this.end();
      });
    });
  }

  end(): void {
    this.#timer?.cancel();
    this.#over?.();
    this.#over = undefined;
  }
}

/** Until when who only tries waits, where all that stand before its place are idle. Undefined: it does not. */
export function idlePatience(
  contenders: readonly Contender[],
  place: Mine & { readonly takenAt: Instant },
  now: Instant,
): Instant | undefined {
  const at = contenders.findIndex((one) => isSame(one, place));
  const until = after(place.takenAt, patienceMs);
  const areIdle = at > 0 && contenders.slice(0, at).every(({ idle }) => idle);
  return areIdle && now < until ? until : undefined;
}
