/** For what tells nobody when it happens: looks again and again, and says in the end what it waited for and saw last. */
import { until } from "#tools/cluster/until.ts";

/** Far beyond what anything takes: it bounds a test that would hang, and decides none. */
const withinMs = 25_000;

/** As {@link until}, also for a look that needs not wait. */
export function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  return until(what, async () => look(), { withinMs });
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
