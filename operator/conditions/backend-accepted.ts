/** Whether the operator takes the Backend at all. */
import { describeProblem } from "#api/fields/read.ts";
import { say, type Aspect } from "./aspect.ts";
import type { Judged } from "./condition.ts";
import type { BackendFacts } from "./backend-facts.ts";

export const accepted = {
  type: "Accepted",
  reasons: {
    Accepted: "True",
    BackendNotSupported: "False",
    InvalidSpec: "False",
    NotSupportedYet: "False",
  },
} as const satisfies Aspect;

export function judgeAccepted({ used, operatorNamespace, spec }: BackendFacts): Judged {
  if (!used)
    return say(
      accepted,
      "BackendNotSupported",
      `Only the Backend 'default' in namespace '${operatorNamespace}' is used by this version. Delete this one, or write its spec there.`,
    );
  if (spec.ok) return say(accepted, "Accepted", "The spec is valid.");
  const words = spec.problems.map(describeProblem).join(". ");
  const malformed = spec.problems.some(({ code }) => code === "malformed");
  return say(accepted, malformed ? "InvalidSpec" : "NotSupportedYet", words);
}
