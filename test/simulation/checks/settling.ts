/** Every acquire is answered: by the end of its wait, and the time that one step of the protocol may take. */
import type { Attempt, History, Violation } from "../history.ts";

/** A read gives up after 5 s, a write after 2; a step is at most one of each behind one other. */
const stepMs = 12_000;
/** Of the sidecar's clock, which may be a hair slower than the true one. */
const slack = 1.02;

export function settling(history: History): Violation[] {
  return history.attempts.flatMap(ofAttempt);
}

function ofAttempt(attempt: Attempt): Violation[] {
  const { id, process, lock, waitMs, arrivedRunMs, settledRunMs, outcome } = attempt;
  if (outcome === "died") return [];
  const tookMs = (settledRunMs ?? Infinity) - arrivedRunMs;
  if (tookMs <= waitMs * slack + stepMs) return [];
  const how =
    settledRunMs === undefined ? "was never answered" : `was answered after ${String(tookMs)} ms`;
  return [
    {
      rule: "settling",
      atMs: attempt.settledMs ?? attempt.arrivedMs + waitMs + stepMs,
      what: `attempt ${String(id)} for ${lock} at ${process}, with a wait of ${String(waitMs)} ms, ${how}`,
    },
  ];
}
