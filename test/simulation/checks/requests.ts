/** A request that is repeated gets the grant that it was given, while that one may still be held. */
import type { Attempt, Granted, History, Violation } from "../history.ts";

export function requests(history: History): Violation[] {
  const first = new Map<string, Granted>();
  const violations: Violation[] = [];
  for (const attempt of history.attempts) {
    const grant = attempt.grantId === undefined ? undefined : history.grant(attempt.grantId);
    if (attempt.requestId === undefined || grant === undefined) continue;
    const request = `${attempt.process} ${attempt.lock} ${attempt.requestId}`;
    const before = first.get(request);
    if (before === undefined || before.claims.length === 0) first.set(request, grant);
    else if (before.id !== grant.id) violations.push(twice(attempt, before, grant));
  }
  return violations;
}

function twice(attempt: Attempt, before: Granted, grant: Granted): Violation {
  return {
    rule: "requests",
    atMs: grant.atMs,
    what: `request ${String(attempt.requestId)} at ${attempt.process} was granted ${before.id}, and then ${grant.id}`,
  };
}
