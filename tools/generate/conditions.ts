/** `docs/reference/conditions.md`: which conditions there are with which reasons, and where each is explained. */
import { reasons } from "#operator/conditions/condition.ts";
import { backendAspects } from "#operator/controllers/backend/decide.ts";
import type { Made } from "./made.ts";
import { code, page, table } from "./markdown.ts";

const sources = "operator/conditions and operator/controllers/backend/decide.ts";

export function makeConditions(): Promise<Made> {
  const lines = [
    "# Conditions and their reasons",
    "",
    "All that the operator says in the status of a resource: the lists are closed. Each reason leads to what it means and what to do.",
    "",
    "## DistributedLock",
    "",
    ...table(
      ["condition", "reasons"],
      Object.entries(reasons).map(([type, ofType]) => [
        code(type),
        ofType.map((reason) => linkTo("conditions.md", type, reason)).join(", "),
      ]),
    ),
    "",
    "## Backend",
    "",
    ...table(
      ["condition", "reasons when `True`", "when `False`", "when `Unknown`"],
      backendAspects.map(({ type, reasons: ofType }) => [
        code(type),
        ...["True", "False", "Unknown"].map((status) =>
          Object.keys(ofType)
            .filter((reason) => ofType[reason] === status)
            .map((reason) => linkTo("conditions-backend.md", type, reason))
            .join(", "),
        ),
      ]),
    ),
  ];
  return Promise.resolve(new Map([["docs/reference/conditions.md", page(sources, lines)]]));
}

/** To the heading `### Type: Reason`, which a house test finds there. */
function linkTo(guide: string, type: string, reason: string): string {
  return `[${code(reason)}](../operations/${guide}#${type.toLowerCase()}-${reason.toLowerCase()})`;
}
