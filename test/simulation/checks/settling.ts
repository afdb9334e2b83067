/** Every question is answered: an acquire by the end of its wait, and the time that one step of the protocol may take. */
import type { Attempt, History, Question, Violation } from "../history.ts";

/** A read gives up after 5 s, a write after 2; a step is at most one of each behind one other. */
const stepMs = 12_000;
/** Of the sidecar's clock, which may be a hair slower than the true one. */
const slack = 1.02;

export function settling(history: History): Violation[] {
  return [...history.attempts.flatMap(ofAttempt), ...history.questions.flatMap(ofQuestion)];
}

function ofQuestion(question: Question): Violation[] {
  const { what, process, askedMs, askedRunMs, answeredMs, answeredRunMs, died } = question;
  const tookMs = (answeredRunMs ?? Infinity) - askedRunMs;
  if (died === true || tookMs <= stepMs) return [];
  const how = answeredMs === undefined ? "was never answered" : `took ${String(tookMs)} ms`;
  return [
    {
      rule: "settling",
      atMs: answeredMs ?? askedMs + stepMs,
      what: `${what} at ${process} ${how}`,
    },
  ];
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
