/** How the facts of a refusal stand in a problem's body: moments as RFC 3339, under the names of the contract. */
import type { ProblemCode } from "#api/problems.ts";
import type { Facts, Refusal } from "#core/refusal.ts";
import type { Refused } from "#host/http/refused.ts";

export function refusedOf({ code, message, facts }: Refusal): Refused {
  return { code, detail: message, facts: presentFacts(code, facts) };
}

function presentFacts(code: ProblemCode, facts: Facts): Facts {
  if (code !== "grant_lost") return facts;
  const { why, endedAt, ...rest } = facts;
  return {
    ...rest,
    ...(why === undefined ? {} : { reason: why }),
    ...(typeof endedAt === "number" ? { since: new Date(endedAt).toISOString() } : {}),
  };
}
