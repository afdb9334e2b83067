/**
 * While places of other sessions stand behind it, a place passes from caller to caller only within the pool's budget, which
 * begins when it holds. (Readers who came before are then granted it together.) It hears of them by a note, which takes its time; where that was lost they look again and leave another.
 */
import type { Granted, History, Violation } from "../history.ts";

/** From somebody's standing behind a place to that place's knowing it. */
export const noticeMs = 400;
/** The same where a note may be lost: a waiter looks again every 38 s, and what it does then may fail once more. */
export const lostNoticeMs = 45_000;

export function budget(history: History, knownAfterMs: number): Violation[] {
  const violations: Violation[] = [];
  const counted = new Map<string, number>();
  const heldMs = new Map<string, number>();
  for (const grant of history.grants) {
    const firstMs = heldMs.get(grant.contender) ?? grant.atMs;
    heldMs.set(grant.contender, firstMs);
    if (grant.handovers === 0 || grant.othersSinceMs === undefined) continue;
    if (grant.mode === "shared" && grant.atMs === firstMs) continue;
    const sinceMs = grant.atMs - Math.max(firstMs, grant.othersSinceMs + knownAfterMs);
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
