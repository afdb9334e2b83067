/**
 * Nobody is granted a lock while guarantees run that were stated for other grants of it and leave no room for one more, unless
 * those were released; and nobody is told that he holds after the next was granted: a loss is told before it.
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
  const ends = new Map(judged.map((grant) => [grant, promisedUntilMs(grant)]));
  for (const [index, grant] of judged.entries()) {
    const beside = judged
      .slice(0, index)
      .filter((other) => (ends.get(other) ?? 0) > grant.atMs + hairMs);
    if (mayJoin(grant, beside)) continue;
    const others = beside.map((other) => told(other, ends.get(other) ?? 0)).join("; ");
    violations.push({
      rule: "exclusion",
      atMs: grant.atMs,
      what: `${lock}: ${grant.id} (${grant.process}) was granted at ${ms(grant.atMs)}, ${how(grant)}, while ${others}`,
    });
  }
  return violations;
}

/** Until when its caller was told that it holds, in any answer before it let go. */
function promisedUntilMs({ claims, releasedMs = Infinity }: Granted): number {
  const before = claims.filter(({ atMs }) => atMs < releasedMs);
  return Math.min(releasedMs, Math.max(0, ...before.map((one) => Math.max(one.atMs, one.untilMs))));
}

function mayJoin(grant: Granted, beside: readonly Granted[]): boolean {
  switch (grant.sharing.mode) {
    case "Mutex":
      return beside.length === 0;
    case "ReadWrite":
      return beside.every(({ mode }) => mode === "shared" && grant.mode === "shared");
    case "Semaphore": {
      const permits = beside.reduce((sum, other) => sum + other.permits, grant.permits);
      return permits <= grant.sharing.permits;
    }
  }
}

function told(grant: Granted, untilMs: number): string {
  const { id, process, releasedMs } = grant;
  return `${id} (${process}), ${how(grant)}, was told that it holds until ${ms(untilMs)}${releasedMs === undefined ? "" : `, released at ${ms(releasedMs)}`}`;
}

function how({ sharing, mode, permits }: Granted): string {
  return sharing.mode === "Semaphore" ? `${String(permits)} of ${String(sharing.permits)}` : mode;
}

function ms(atMs: number): string {
  return atMs.toFixed(3);
}
