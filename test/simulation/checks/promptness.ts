/**
 * Where nothing goes wrong, who waits is told soon after the last that kept him from holding went: by an event, not by the look
 * that trusts none, and after the delay for one that may have been lost. Judged of the first grant on each place; later ones
 * are for its sidecar alone.
 */
import type { History, Violation } from "../history.ts";

const soonMs = 1_000;

export function promptness({ grants, attempts }: History): Violation[] {
  return grants.flatMap(({ id, lock, ofSet, process, handovers, mayHoldMs, attempt, atMs }) => {
    const arrivedMs = attempts[attempt]?.arrivedMs ?? 0;
    if (handovers > 0 || mayHoldMs === undefined) return [];
    const lateMs = atMs - Math.max(mayHoldMs, arrivedMs);
    const delays = grants.map((one) =>
      (one.lock === lock || ofSet !== undefined) && one.atMs < atMs ? one.lockDelayMs : 0,
    );
    if (lateMs <= soonMs + 1.1 * Math.max(...delays.map((delayMs = 0) => delayMs))) return [];
    const what = `${lock}: ${process} told of ${id} only ${lateMs.toFixed(0)} ms after it could have held`;
    return [{ rule: "promptness", atMs, what }];
  });
}
