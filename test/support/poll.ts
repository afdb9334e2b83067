/** For what tells nobody when it happens: looks again and again, and says in the end what it waited for and saw last. */
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";

const lookEveryMs = 25;
/** Far beyond what anything takes: it bounds a test that would hang, and decides none. */
const withinMs = 25_000;

/** The first result of `look` that is neither undefined nor false. Throws after a time that nothing should need. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
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
    if (performance.now() > giveUpAt)
      throw new Error(`Waited ${withinMs / 1_000} s for ${what}. Seen last: ${inspect(last)}`);
    await sleep(lookEveryMs);
  }
}

/** The promise, or an error that says what did not come. */
export async function inTime<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`Waited ${withinMs / 1_000} s for ${what}`));
    }, withinMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
