/** Waits for what tells nobody when it happens: looks again and again, up to a time that nothing should need. */
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";

const lookEveryMs = 50;
const withinMsUsual = 60_000;

export interface Until {
  readonly withinMs?: number;
  /** Throws where waiting has become pointless, such as for a process that has ended. */
  readonly stillPossible?: () => void;
}

/** The first result of `look` that is neither undefined nor false; its errors count as "not yet". */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  { withinMs = withinMsUsual, stillPossible }: Until = {},
): Promise<T> {
  const giveUpAt = performance.now() + withinMs;
  let last: unknown;
  for (;;) {
    try {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen;
      last = seen;
    } catch (error) {
      last = error;
    }
    stillPossible?.();
    if (performance.now() > giveUpAt) {
      throw new Error(`Waited ${withinMs / 1_000} s for ${what}. Seen last: ${inspect(last)}`);
    }
    await sleep(lookEveryMs);
  }
}
