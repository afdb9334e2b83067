/**
 * Whether the spec is one that this version serves, on a Backend that is there. The API server has refused most of what is
 * wrong with it already.
 */
import { describeProblem, type FieldProblem } from "#api/fields/read.ts";
import type { BackendView } from "./backend-reachable.ts";
import type { Condition, ReasonOf } from "./condition.ts";

/** `problems`: what the kind's reader found. */
export function accepted(
  problems: readonly FieldProblem[],
  backend: BackendView,
): Condition<"Accepted"> {
  const type = "Accepted";
  if (problems.length > 0) {
    const message = problems.map(describeProblem).join("\n");
    return { type, status: "False", reason: reasonOf(problems), message };
  }
  if (backend.kind === "notFound")
    return { type, status: "False", reason: "BackendNotFound", message: backend.message };
  if (backend.kind === "notAccepted") {
    const message = `the Backend is not accepted: ${backend.message}`;
    return { type, status: "False", reason: "BackendNotAccepted", message };
  }
  return { type, status: "True", reason: "Valid", message: "the spec is valid" };
}

/** The worst first: what can never be served goes before what a later version may serve. */
function reasonOf(problems: readonly FieldProblem[]): ReasonOf<"Accepted"> {
  if (problems.some(({ code }) => code === "malformed")) return "Invalid";
  const isBackend = ({ field }: FieldProblem): boolean => /^spec\.backendRef\b/.test(field);
  return problems.some(isBackend) ? "BackendNotSupported" : "NotSupportedYet";
}
