/** Whether the spec is one that this version serves. The API server has refused most of what is wrong with it already. */
import { describeProblem, type FieldProblem } from "#api/fields/read.ts";
import type { Condition, ReasonOf } from "./condition.ts";

/** `problems`: what the kind's reader found. */
export function accepted(problems: readonly FieldProblem[]): Condition<"Accepted"> {
  if (problems.length === 0)
    return { type: "Accepted", status: "True", reason: "Valid", message: "the spec is valid" };
  const message = problems.map(describeProblem).join("\n");
  return { type: "Accepted", status: "False", reason: reasonOf(problems), message };
}

/** The worst first: what can never be served goes before what a later version may serve. */
function reasonOf(problems: readonly FieldProblem[]): ReasonOf<"Accepted"> {
  if (problems.some(({ code }) => code === "malformed")) return "Invalid";
  const isBackend = ({ field }: FieldProblem): boolean => /^spec\.backendRef\b/.test(field);
  return problems.some(isBackend) ? "BackendNotSupported" : "NotSupportedYet";
}
