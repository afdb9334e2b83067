/** Which of the forms that an operation answers in the caller prefers, by its Accept header. */
import { eventsMediaType, type Operation } from "./operation.ts";
import { operations, type OperationId } from "./operations.ts";

export type ReplyForm = "json" | "text" | "events";

const rangesMax = 32;

/**
 * JSON unless the caller clearly prefers text or a stream; what nobody here speaks is answered as JSON, too. What is only a
 * stream is always one. Never throws.
 */
export function acceptedForm(id: OperationId, header: string | undefined): ReplyForm {
  const { speaks, isStream } = spoken[id];
  if (isStream) return "events";
  if (header === undefined || header === "*/*" || header === "application/json") return "json";
  if (speaks.length === 0) return "json";
  const ranges = header.toLowerCase().split(",", rangesMax).map(weighed);
  let form: ReplyForm = "json";
  let weight = weightOf("application/json", ranges);
  for (const other of speaks) {
    const its = weightOf(other.type, ranges);
    if (its > weight) [form, weight] = [other.form, its];
  }
  return form;
}

interface Spoken {
  readonly isStream: boolean;
  /** Besides JSON. */
  readonly speaks: readonly { readonly form: ReplyForm; readonly type: string }[];
}

const spoken = Object.fromEntries(
  Object.values(operations).map(({ id, replies }: Operation): [string, Spoken] => {
    const all = Object.values(replies);
    const isStream = all.some(({ body, events }) => body === undefined && events !== undefined);
    const text = all.some((reply) => "text" in reply)
      ? [{ form: "text", type: "text/plain" } as const]
      : [];
    const events = all.some((reply) => "events" in reply)
      ? [{ form: "events", type: eventsMediaType } as const]
      : [];
    return [id, { isStream, speaks: [...text, ...events] }];
  }),
) as Record<OperationId, Spoken>;

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
