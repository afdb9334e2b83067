/**
 * While places of other sessions stand behind it, a place passes from caller to caller only within the pool's budget. It
 * hears of them by a note, which takes its time; on a network that is bad it may be late or lost, so this is judged only
 * where nothing was.
 */
import type { Granted, History, Violation } from "../history.ts";

/** From somebody's standing behind a place to that place's knowing it. */
const noticeMs = 400;

export function budget(history: History): Violation[] {
  const violations: Violation[] = [];
  const counted = new Map<string, number>();
  for (const grant of history.grants) {
    if (grant.handovers === 0 || grant.othersSinceMs === undefined) continue;
    const sinceMs = grant.atMs - grant.othersSinceMs - noticeMs;
    if (sinceMs < 0) continue;
    const count = (counted.get(grant.contender) ?? 0) + 1;
    counted.set(grant.contender, count);
    if (count > grant.handover.maxCount)
      violations.push(
        beyond(grant, `the ${String(count)}. time, above ${String(grant.handover.maxCount)}`),
      );
    else if (sinceMs > grant.handover.maxHoldMs)
      violations.push(
        beyond(grant, `after ${String(sinceMs)} ms, above ${String(grant.handover.maxHoldMs)}`),
      );
  }
  return violations;
}

function beyond(grant: Granted, how: string): Violation {
  return {
    rule: "budget",
    atMs: grant.atMs,
    what: `${grant.lock}: ${grant.contender} was handed over within ${grant.process} ${how}, while others stood behind it`,
  };
}
