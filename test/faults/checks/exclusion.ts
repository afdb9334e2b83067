/**
 * No two holders of a lock relied on it at the same time who exclude each other: one exclusively, permits above those that
 * there are. A holder relies on a lock from when he hears of the grant until the last guarantee that was stated to him runs
 * out, or he begins to give it back.
 *
 * Both ends lie inside of the time for which nobody else may have been granted it. So a contradiction is never one of reading
 * late: an answer that lay unread until its guarantee was over gives no time at all.
 */
import {
  byLock,
  lockOfGrant,
  reliedUntilMs,
  wasReliedOn,
  type Grant,
  type History,
} from "../history/history.ts";
import { ms, type Violation } from "./violation.ts";

/** Nanoseconds as floating milliseconds. */
const hairMs = 0.001;

const rules = { Mutex: "exclusion", ReadWrite: "read-write", Semaphore: "permits" } as const;

export function exclusion({ grants }: History): Violation[] {
  return [...byLock(grants, lockOfGrant).values()].flatMap(ofLock);
}

function ofLock(grants: readonly Grant[]): Violation[] {
  const violations: Violation[] = [];
  let beside: Grant[] = [];
  for (const grant of grants.filter(wasReliedOn)) {
    beside = beside.filter((other) => reliedUntilMs(other) > grant.atMs + hairMs);
    if (!mayJoin(grant, beside)) violations.push(wrong(grant, beside));
    beside.push(grant);
  }
  return violations;
}

function mayJoin(
  { attempt: { sharing, mode, permits } }: Grant,
  beside: readonly Grant[],
): boolean {
  switch (sharing.mode) {
    case "Mutex":
      return beside.length === 0;
    case "ReadWrite":
      return beside.every(({ attempt }) => attempt.mode === "shared" && mode === "shared");
    case "Semaphore":
      return beside.reduce((sum, { attempt }) => sum + attempt.permits, permits) <= sharing.permits;
  }
}

function wrong(grant: Grant, beside: readonly Grant[]): Violation {
  const { lock, sharing, op } = grant.attempt;
  const others = beside.map(
    (other) => `${told(other)} relied on it until ${ms(reliedUntilMs(other))}`,
  );
  return {
    rule: rules[sharing.mode],
    atMs: grant.atMs,
    ops: [...beside.map(({ attempt }) => attempt.op), op],
    what: `${lock}: ${told(grant)} was granted at ${ms(grant.atMs)} while ${others.join("; ")}`,
  };
}

function told({ fence, attempt: { op, by, mode, permits, sharing } }: Grant): string {
  const how = sharing.mode === "Semaphore" ? `${permits} of ${sharing.permits}` : mode;
  return `${op} (${by}, ${how}, fence ${String(fence)})`;
}
