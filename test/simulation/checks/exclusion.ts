/**
 * Nobody is granted a lock while a guarantee that was stated for another grant of it runs, unless that one was released; and
 * nobody is told that he holds after the next was granted: a loss is told before it.
 */
import type { Granted, History, Violation } from "../history.ts";
import { byLock } from "./by-lock.ts";

/** Clocks are floating point. */
const hairMs = 0.001;

export function exclusion(history: History): Violation[] {
  return [...byLock(history.grants)].flatMap(([lock, grants]) => ofLock(lock, grants));
}

function ofLock(lock: string, grants: readonly Granted[]): Violation[] {
  const violations: Violation[] = [];
  const judged = grants.filter(({ waived }) => waived === undefined);
  for (const [index, grant] of judged.entries()) {
    const next = judged[index + 1];
    if (next === undefined) continue;
    for (const { atMs, untilMs } of grant.claims) {
      if (grant.releasedMs !== undefined && atMs >= grant.releasedMs) continue;
      const endsMs = Math.min(Math.max(atMs, untilMs), grant.releasedMs ?? Infinity);
      if (endsMs <= next.atMs + hairMs) continue;
      violations.push({
        rule: "exclusion",
        atMs: next.atMs,
        what: `${lock}: ${next.id} (${next.process}) was granted at ${ms(next.atMs)}, while ${grant.id} (${grant.process}) was told at ${ms(atMs)} that it holds until ${ms(untilMs)}${grant.releasedMs === undefined ? "" : `, released at ${ms(grant.releasedMs)}`}`,
      });
    }
  }
  return violations;
}

function ms(atMs: number): string {
  return atMs.toFixed(3);
}
