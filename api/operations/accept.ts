/** Which of the forms that an operation answers in the caller prefers, by its Accept header. */
import type { FieldProblem } from "../fields/read.ts";
import { operations, type OperationId } from "./operations.ts";

export type ReplyForm = "json" | "text";

export type Accepted =
  | { readonly ok: true; readonly form: ReplyForm }
  | { readonly ok: false; readonly problem: FieldProblem };

const json: Accepted = { ok: true, form: "json" };
const text: Accepted = { ok: true, form: "text" };
const rangesMax = 32;

/** Locks will answer as streams one day: who asks for one now must not take the plain answer for it. */
const noStreams: Accepted = {
  ok: false,
  problem: {
    code: "not_supported",
    field: "Accept",
    reason: "'text/event-stream' is not supported yet by this version",
    fix: "use 'application/json' or 'text/plain'",
  },
};

/** JSON unless the caller clearly prefers text; what nobody here speaks is answered as JSON, too. Never throws. */
export function acceptedForm(id: OperationId, header: string | undefined): Accepted {
  if (header === undefined || header === "*/*" || header === "application/json") return json;
  const lower = header.toLowerCase();
  if (id === "acquireLock" && lower.includes("text/event-stream")) return noStreams;
  const speaksText = Object.values(operations[id].replies).some((reply) => "text" in reply);
  if (!speaksText) return json;
  const ranges = lower.split(",", rangesMax).map(weighed);
  return weightOf("text/plain", ranges) > weightOf("application/json", ranges) ? text : json;
}

interface Weighed {
  readonly range: string;
  readonly weight: number;
}

function weighed(part: string): Weighed {
  const [range = "", ...parameters] = part.split(";").map((piece) => piece.trim());
  const q = parameters.find((parameter) => parameter.startsWith("q="));
  const weight = q === undefined ? 1 : Number(q.slice(2));
  return { range, weight: weight >= 0 && weight <= 1 ? weight : 0 };
}

/** The most particular range that covers the type decides. */
function weightOf(type: string, ranges: readonly Weighed[]): number {
  const [main = ""] = type.split("/");
  for (const range of [type, `${main}/*`, "*/*"]) {
    const found = ranges.find((one) => one.range === range);
    if (found !== undefined) return found.weight;
  }
  return 0;
}
