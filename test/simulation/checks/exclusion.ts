/**
 * Nobody is granted a lock while guarantees run that were stated for other grants of it and leave no room for one more, unless
 * those were released; and nobody is told that he holds after the next was granted: a loss is told before it. Where a grant was
 * lost and had a lockDelay, nobody is granted the lock for so long after its guarantee.
 */
import type { Granted, History, Violation } from "../history.ts";
import { byLock } from "./by-lock.ts";

/** Clocks are floating point. */
const hairMs = 0.001;

export function exclusion(history: History): Violation[] {
  return [...byLock(history.grants)].flatMap(([lock, grants]) =>
    ofLock(lock, grants, { rule: "exclusion", promised: lastPromise }),
  );
}

export function lockDelay(history: History): Violation[] {
  return [...byLock(history.grants)].flatMap(([lock, grants]) =>
    ofLock(lock, grants, { rule: "lockDelay", promised: delayed }),
  );
}

interface Judge {
  readonly rule: string;
  readonly promised: (grant: Granted) => Promised | undefined;
}

function ofLock(lock: string, grants: readonly Granted[], { rule, promised }: Judge): Violation[] {
  const violations: Violation[] = [];
  const judged = grants.filter(({ waived }) => waived === undefined);
  const ends = new Map(judged.map((grant) => [grant, promised(grant)]));
  for (const [index, grant] of judged.entries()) {
    const beside = judged
      .slice(0, index)
      .filter((other) => (ends.get(other)?.untilMs ?? 0) > grant.atMs + hairMs);
    if (mayJoin(grant, beside)) continue;
    const others = beside.map((other) => told(other, ends.get(other))).join("; ");
    violations.push({
      rule,
      atMs: grant.atMs,
      what: `${lock}: ${grant.id} (${grant.process}) was granted at ${ms(grant.atMs)}, ${how(grant)}, while ${others}`,
    });
  }
  return violations;
}

interface Promised {
  readonly atMs: number;
  readonly untilMs: number;
}

/** Of all answers before it let go, the one that says longest that it holds. */
function lastPromise({ claims, releasedMs = Infinity }: Granted): Promised | undefined {
  const before = claims
    .filter(({ atMs }) => atMs < releasedMs)
    .map(({ atMs, untilMs }) => ({ atMs, untilMs: Math.min(releasedMs, Math.max(atMs, untilMs)) }));
  return before.toSorted((a, b) => b.untilMs - a.untilMs)[0];
}

/** A part of the delay that no clock of the simulation is ahead of. */
const delayOnAnyClock = 0.95;

/** With its delay, where it was not let go before its promise was over. */
function delayed(grant: Granted): Promised | undefined {
  const promised = lastPromise(grant);
  const { lockDelayMs = 0, releasedMs = Infinity } = grant;
  if (promised === undefined || releasedMs <= promised.untilMs) return promised;
  const untilMs = promised.untilMs + lockDelayMs * delayOnAnyClock;
  return { ...promised, untilMs: Math.min(releasedMs, untilMs) };
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

function told(grant: Granted, promised: Promised | undefined): string {
  const { id, process, releasedMs } = grant;
  const released = releasedMs === undefined ? "" : `, released at ${ms(releasedMs)}`;
  const { atMs = NaN, untilMs = NaN } = promised ?? {};
  return `${id} (${process}), ${how(grant)}, was told at ${ms(atMs)} that it holds until ${ms(untilMs)}${released}`;
}

function how({ sharing, mode, permits }: Granted): string {
  return sharing.mode === "Semaphore" ? `${String(permits)} of ${String(sharing.permits)}` : mode;
}

function ms(atMs: number): string {
  return atMs.toFixed(3);
}
