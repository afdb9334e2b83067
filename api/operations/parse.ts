/**
 * From a raw request to the input of a handler: path, query and body joined, read, and completed with the defaults.
 * One parser an operation, made once; it stands on the way of every acquire, so it allocates little and throws never.
 */
import type { Field, Fields, ScalarField } from "../fields.ts";
import {
  defaultOf,
  readerOf,
  unknownField,
  type FieldProblem,
  type Reader,
} from "../fields/read.ts";
import { quoteAny } from "../fields/text.ts";
import { inputName, type Operation } from "./operation.ts";
import { operations, type Input, type OperationId } from "./operations.ts";
import { decodeQueryPart, decodeSegment, queryPairsMax, splitQuery } from "./query.ts";

export interface RawRequest {
  /** Raw, as {@link file://./route.ts route} gives them. */
  readonly path: readonly string[];
  /** What follows the `?`; empty: nothing. */
  readonly query: string;
  /** Parsed JSON; undefined: there was no body. */
  readonly body: unknown;
}

export type Parsed<T> =
  { readonly ok: true; readonly input: T } | { readonly ok: false; readonly problem: FieldProblem };

/** Never throws. */
export function parseRequest<Id extends OperationId>(id: Id, raw: RawRequest): Parsed<Input<Id>> {
  return parsers[id](raw) as Parsed<Input<Id>>;
}

type Parser = (raw: RawRequest) => Parsed<Record<string, unknown>>;

/** One field and where its value goes. */
interface Slot {
  readonly name: string;
  readonly target: string;
  readonly index: number;
  readonly required: boolean;
  readonly absent: unknown;
  readonly read: Reader;
  /** From the text in a query or path to what a body would hold; undefined: only a body can hold it. */
  readonly fromText: ((text: string) => unknown) | undefined;
}

/** What a request has filled so far: values by slot, and the first problem. */
interface Filled {
  readonly values: unknown[];
  readonly problems: FieldProblem[];
}

function parserOf(operation: Operation): Parser {
  const inPath = slotsOf(operation.pathFields, 0);
  const others = slotsOf(operation.fields, inPath.length);
  const slots = [...inPath, ...others];
  const byName = new Map(others.map((slot) => [slot.name, slot]));
  const known = [...byName.keys()];
  return (raw) => {
    const filled: Filled = { values: new Array<unknown>(slots.length), problems: [] };
    fillFromPath(inPath, raw.path, filled);
    if (raw.query !== "") fillFromQuery({ byName, known }, raw.query, filled);
    if (raw.body !== undefined) {
      if (operation.fieldsIn === "query") filled.problems.push(noBodyHere);
      else fillFromBody({ byName, known }, raw.body, filled);
    }
    const input = filled.problems.length === 0 ? inputOf(slots, filled) : {};
    const problem = filled.problems[0] ?? brokenRule(operation, input);
    return problem === undefined ? { ok: true, input } : { ok: false, problem };
  };
}

function slotsOf(fields: Fields, first: number): Slot[] {
  return Object.entries(fields).map(([name, field], index) => ({
    name,
    target: inputName(name, field.kind),
    index: first + index,
    required: field.presence === "required",
    absent: defaultOf(field, "ms"),
    read: readerOf(field, "ms"),
    fromText: isScalar(field) ? fromTextOf(field) : undefined,
  }));
}

function isScalar(field: Field): field is ScalarField {
  return ["choice", "duration", "integer", "text", "boolean"].includes(field.kind);
}

const integerText = /^-?(0|[1-9][0-9]{0,15})$/;
const booleans = new Map<string, boolean>([
  ["true", true],
  ["false", false],
]);

/** What is no number or boolean stays text, so that the field's reader refuses it in its own words. */
function fromTextOf(field: ScalarField): (text: string) => unknown {
  switch (field.kind) {
    case "integer":
      return (text) => (integerText.test(text) ? Number(text) : text);
    case "boolean":
      return (text) => booleans.get(text) ?? text;
    case "choice":
    case "duration":
    case "text":
      return (text) => text;
    default:
      return field satisfies never;
  }
}

function malformed(field: string, reason: string, fix: string): FieldProblem {
  return { code: "malformed", field, reason, fix };
}

const noBodyHere = malformed("body", "this operation takes none", "put its fields into the query");

function fillFromPath(slots: readonly Slot[], path: readonly string[], filled: Filled): void {
  for (const slot of slots) {
    const decoded = decodeSegment(path[slot.index] ?? "");
    if (decoded.ok) filled.values[slot.index] = slot.read(decoded.text, slot.name, filled.problems);
    else filled.problems.push(malformed(slot.name, decoded.reason, decoded.fix));
  }
}

interface Known {
  readonly byName: ReadonlyMap<string, Slot>;
  readonly known: readonly string[];
}

function fillFromQuery({ byName, known }: Known, query: string, filled: Filled): void {
  const pairs = splitQuery(query);
  if (pairs === undefined) {
    const fix = `use at most ${String(queryPairsMax)}`;
    filled.problems.push(malformed("query", "has too many fields", fix));
    return;
  }
  for (const pair of pairs) {
    const name = decodeQueryPart(pair.name);
    const value = decodeQueryPart(pair.value);
    if (!name.ok) {
      filled.problems.push(malformed("query", `a field's name ${name.reason}`, name.fix));
      return;
    }
    const slot = byName.get(name.text);
    if (slot === undefined) filled.problems.push(unknownField(name.text, known, ""));
    else if (!value.ok) filled.problems.push(malformed(slot.name, value.reason, value.fix));
    else fillFromText(slot, value.text, filled);
    if (filled.problems.length > 0) return;
  }
}

function fillFromText(slot: Slot, text: string, { values, problems }: Filled): void {
  if (values[slot.index] !== undefined) {
    problems.push(malformed(slot.name, "stands twice in the query", "write it once"));
  } else if (slot.fromText === undefined) {
    problems.push(malformed(slot.name, "cannot stand in the query", "put it into a JSON body"));
  } else {
    values[slot.index] = slot.read(slot.fromText(text), slot.name, problems);
  }
}

function fillFromBody({ byName, known }: Known, body: unknown, filled: Filled): void {
  const { values, problems } = filled;
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    problems.push(malformed("body", `${quoteAny(body)} is not a JSON object`, "write {…}"));
    return;
  }
  for (const name of Object.keys(body)) {
    const value = (body as Readonly<Record<string, unknown>>)[name];
    const slot = byName.get(name);
    if (slot === undefined) {
      problems.push(unknownField(name, known, ""));
    } else if (values[slot.index] !== undefined) {
      problems.push(malformed(name, "stands in the query and in the body", "write it once"));
    } else if (value !== null) {
      values[slot.index] = slot.read(value, name, problems);
    }
    if (problems.length > 0) return;
  }
}

function inputOf(slots: readonly Slot[], { values, problems }: Filled): Record<string, unknown> {
  const input: Record<string, unknown> = {};
  for (const slot of slots) {
    const value = values[slot.index] ?? slot.absent;
    if (value !== undefined) input[slot.target] = value;
    else if (slot.required) problems.push(malformed(slot.name, "is missing", "write it"));
  }
  return input;
}

function brokenRule(
  operation: Operation,
  input: Readonly<Record<string, unknown>>,
): FieldProblem | undefined {
  const broken = operation.rules.find((rule) => !rule.holds(input));
  return broken && malformed(broken.field, broken.reason, broken.fix);
}

const parsers = Object.fromEntries(
  Object.values(operations).map((operation) => [operation.id, parserOf(operation)]),
) as Record<OperationId, Parser>;
