/** What is promised as `guaranteedFor` is never more than the rest of the ttl, of maxHold, or of the session's deadline. */
import type { Granted, History, Violation } from "../history.ts";

/** Answers are whole milliseconds. */
const roundingMs = 1;

export function promises(history: History): Violation[] {
  return history.grants.flatMap(ofGrant);
}

function ofGrant({ id, maxHoldMs, claims }: Granted): Violation[] {
  const violations: Violation[] = [];
  for (const claim of claims) {
    const { atMs, guaranteedForMs, expiresInMs, ttlMs, heldMs, deadlineInMs } = claim;
    const bounds: readonly (readonly [string, number])[] = [
      ["the rest of its ttl", expiresInMs ?? Infinity],
      ["its ttl", ttlMs ?? Infinity],
      ["the rest of maxHold", maxHoldMs === undefined ? Infinity : maxHoldMs - heldMs],
      // A grant without a session of its own may promise nothing at all.
      ["the session's deadline", deadlineInMs ?? -Infinity],
    ];
    for (const [name, boundMs] of bounds)
      if (guaranteedForMs > boundMs + roundingMs)
        violations.push({
          rule: "promises",
          atMs,
          what: `${id}: ${String(guaranteedForMs)} ms were guaranteed, above ${name}, ${String(boundMs)} ms`,
        });
  }
  return violations;
}
