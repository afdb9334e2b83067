/**
 * From what somebody wrote to what we work with: one reader a field, made once from the field's data. A reader never
 * throws and never guesses; what it cannot take it names, with the way out.
 *
 * null is read as absent, as the API server does with fields that are not nullable.
 */
import type {
  ChoiceField,
  DurationField,
  Field,
  Fields,
  IntegerField,
  ListField,
  ObjectField,
  StringMapField,
  TextField,
} from "../fields.ts";
import { durationExamples, parseDurationMs, readDurationMs } from "./duration.ts";
import { nearest } from "./nearest.ts";
import { forms, isPlain, quote, quoteAny, utf8Bytes, type TextForm } from "./text.ts";

/** What is wrong with one field, and what to do about it. */
export interface FieldProblem {
  /** not_supported: valid, but not built yet. */
  readonly code: "malformed" | "not_supported" | "too_many_locks";
  /** As a path: `spec.limits.names`. */
  readonly field: string;
  readonly reason: string;
  readonly fix: string;
  /** More for the problem's body. */
  readonly facts?: { readonly limit: string; readonly max: number };
}

/** "spec.mode: 'ReadWrite' is not supported yet by this version; use 'Mutex'" */
export function describeProblem({ field, reason, fix }: FieldProblem): string {
  return `${field}: ${reason}; ${fix}`;
}

/** Of one document; what comes after is not looked at. */
export const problemsMax = 20;

/** Gives undefined after it has told a problem. `at` is the field's path. */
export type Reader = (value: unknown, at: string, problems: FieldProblem[]) => unknown;

/** Whether durations are given as they were written, or in milliseconds. */
export type DurationsAs = "text" | "ms";

export function readerOf(field: Field, durations: DurationsAs): Reader {
  const read = plainReaderOf(field, durations);
  const supported = "supported" in field ? field.supported : undefined;
  return supported === undefined ? read : supportedReader(field, supported, read);
}

function plainReaderOf(field: Field, durations: DurationsAs): Reader {
  switch (field.kind) {
    case "choice":
      return choiceReader(field);
    case "duration":
      return durationReader(field, durations);
    case "integer":
      return integerReader(field);
    case "text":
      return textReader(field);
    case "boolean":
      return readBoolean;
    case "timestamp":
      return readTimestamp;
    case "stringMap":
      return stringMapReader(field);
    case "object":
      return objectReader(field, durations);
    case "list":
      return listReader(field, durations);
    default:
      return field satisfies never;
  }
}

function malformed(field: string, reason: string, fix: string): FieldProblem {
  return { code: "malformed", field, reason, fix };
}

/** Checks that this version serves the value, once it is known to be one of the field's. */
function supportedReader(field: Field, supported: readonly unknown[], read: Reader): Reader {
  const same =
    field.kind === "duration"
      ? (value: unknown) => supported.some((one) => durationsEqual(one as string, value))
      : (value: unknown) => supported.includes(value);
  const fix = supportedFix(supported);
  return (value, at, problems) => {
    const before = problems.length;
    // Where nothing is served, to mend the value first would be work in vain.
    const result = supported.length === 0 ? undefined : read(value, at, problems);
    if (problems.length > before || same(value)) return result;
    const written = typeof value === "string" ? value : JSON.stringify(value);
    const shown = typeof value === "object" ? "this field" : quote(written);
    const reason = `${shown} is not supported yet by this version`;
    problems.push({ code: "not_supported", field: at, reason, fix });
    return undefined;
  };
}

function durationsEqual(supported: string, value: unknown): boolean {
  return typeof value === "string" && readDurationMs(value) === parseDurationMs(supported);
}

export function supportedFix(supported: readonly unknown[]): string {
  if (supported.length === 0) return "leave it out";
  const values = supported.map((one) => `'${String(one)}'`);
  return values.length === 1 ? `use ${values.join("")}` : `use one of ${values.join(", ")}`;
}

function choiceReader({ values }: ChoiceField): Reader {
  const known = new Set(Object.keys(values));
  const fix = `use ${known.size > 1 ? "one of " : ""}${[...known].map((one) => `'${one}'`).join(", ")}`;
  return (value, at, problems) => {
    if (typeof value === "string" && known.has(value)) return value;
    problems.push(malformed(at, `${quoteAny(value)} is not known here`, fix));
    return undefined;
  };
}

function durationReader({ min, max }: DurationField, durations: DurationsAs): Reader {
  const minMs = parseDurationMs(min);
  const maxMs = parseDurationMs(max);
  const form = `write it as in ${durationExamples}`;
  return (value, at, problems) => {
    const ms = typeof value === "string" ? readDurationMs(value) : undefined;
    if (ms === undefined) {
      problems.push(malformed(at, `${quoteAny(value)} is not a duration`, form));
      return undefined;
    }
    if (ms < minMs || ms > maxMs) {
      const reason = `${quoteAny(value)} is ${ms < minMs ? "below the least" : "above the most"}`;
      problems.push(malformed(at, reason, `use a duration from ${min} to ${max}`));
      return undefined;
    }
    return durations === "ms" ? ms : value;
  };
}

function integerReader({ min, max }: IntegerField): Reader {
  const fix = `use a whole number from ${String(min)} to ${String(max)}`;
  return (value, at, problems) => {
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) {
      return value;
    }
    const reason =
      typeof value !== "number" || !Number.isInteger(value)
        ? `${quoteAny(value)} is not a whole number`
        : `${String(value)} is ${value < min ? "below the least" : "above the most"}`;
    problems.push(malformed(at, reason, fix));
    return undefined;
  };
}

function textReader(field: TextField): Reader {
  const form: TextForm = forms[field.form];
  const bytesMin = field.bytesMin ?? form.bytesMin;
  const bytesMax = field.bytesMax ?? form.bytesMax;
  const range = `${String(bytesMin)} to ${String(bytesMax)} bytes`;
  return (value, at, problems) => {
    if (typeof value !== "string") {
      problems.push(malformed(at, `${quoteAny(value)} is not text`, `write text of ${range}`));
      return undefined;
    }
    const bytes = utf8Bytes(value);
    if (bytes < bytesMin || bytes > bytesMax) {
      const reason = bytes === 0 ? "is empty" : `has ${String(bytes)} bytes`;
      problems.push(malformed(at, reason, `use ${range} of UTF-8`));
      return undefined;
    }
    if (!form.accepts(value)) {
      problems.push(malformed(at, `${quote(value)} is not accepted`, `it must be ${form.mustBe}`));
      return undefined;
    }
    return value;
  };
}

const readBoolean: Reader = (value, at, problems) => {
  if (typeof value === "boolean") return value;
  problems.push(malformed(at, `${quoteAny(value)} is neither true nor false`, "use true or false"));
  return undefined;
};

const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

const readTimestamp: Reader = (value, at, problems) => {
  if (typeof value === "string" && rfc3339.test(value)) return value;
  const fix = "write it as RFC 3339 does: '2025-01-31T12:00:00Z'";
  problems.push(malformed(at, `${quoteAny(value)} is not a moment`, fix));
  return undefined;
};

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function stringMapReader({ entriesMax, keyBytesMax, valueBytesMax }: StringMapField): Reader {
  return (value, at, problems) => {
    const before = problems.length;
    if (!isMapping(value)) {
      problems.push(malformed(at, `${quoteAny(value)} is not a map`, "write names with texts"));
      return undefined;
    }
    const names = Object.keys(value);
    if (names.length > entriesMax) {
      const reason = `has ${String(names.length)} entries`;
      problems.push(malformed(at, reason, `use at most ${String(entriesMax)}`));
      return undefined;
    }
    for (const name of names) {
      if (name === "" || utf8Bytes(name) > keyBytesMax || !isPlain(name)) {
        const fix = `use 1 to ${String(keyBytesMax)} bytes without control characters`;
        problems.push(malformed(at, `the name ${quote(name)} is not accepted`, fix));
      }
      const entry = value[name];
      if (typeof entry !== "string" || !entry.isWellFormed()) {
        problems.push(
          malformed(pathTo(at, name), `${quoteAny(entry)} is not text`, "write a text"),
        );
      } else if (utf8Bytes(entry) > valueBytesMax) {
        const fix = `use at most ${String(valueBytesMax)} bytes of UTF-8`;
        problems.push(malformed(pathTo(at, name), `has ${String(utf8Bytes(entry))} bytes`, fix));
      }
      if (problems.length > before) return undefined;
    }
    // Given on as it came: copied into a new object, the name __proto__ would vanish.
    return value;
  };
}

function objectReader({ fields }: ObjectField, durations: DurationsAs): Reader {
  const entries = Object.entries(fields).map(([name, field]) => ({
    name,
    presence: field.presence,
    absent: defaultOf(field, durations),
    read: readerOf(field, durations),
  }));
  return (value, at, problems) => {
    if (!isMapping(value)) {
      const fix = `write its fields: ${Object.keys(fields).join(", ")}`;
      problems.push(malformed(at, `${quoteAny(value)} is not an object`, fix));
      return undefined;
    }
    const before = problems.length;
    problems.push(...unknownFields(value, fields, at));
    const result: Record<string, unknown> = {};
    for (const { name, presence, absent, read } of entries) {
      if (problems.length >= problemsMax) break;
      const written = Object.hasOwn(value, name) ? value[name] : undefined;
      if (written !== undefined && written !== null) {
        result[name] = read(written, pathTo(at, name), problems);
      } else if (presence === "required") {
        problems.push(malformed(pathTo(at, name), "is missing", "write it"));
      } else if (absent !== undefined) {
        result[name] = absent;
      }
    }
    return problems.length === before ? result : undefined;
  };
}

function unknownFields(value: object, fields: Fields, at: string): FieldProblem[] {
  const known = Object.keys(fields);
  const unknown = Object.keys(value).filter((name) => !Object.hasOwn(fields, name));
  return unknown.slice(0, problemsMax).map((name) => unknownField(name, known, at));
}

/** `at` is the path of what the field stands in; empty: the request itself. */
export function unknownField(name: string, known: readonly string[], at: string): FieldProblem {
  const meant = nearest(name, known);
  const fix = meant === undefined ? `known here: ${known.join(", ")}` : `did you mean '${meant}'?`;
  return malformed(pathTo(at, name), "there is no such field", fix);
}

/** Names that somebody else chose are quoted, and so bounded, where they are not plain words. */
export function pathTo(at: string, name: string): string {
  const shown = /^[A-Za-z0-9_-]{1,64}$/.test(name) ? name : quote(name);
  return at === "" ? shown : `${at}.${shown}`;
}

function listReader(
  { items, itemsMin = 0, itemsMax, tooMany, keyedBy }: ListField,
  durations: DurationsAs,
): Reader {
  const read = readerOf(items, durations);
  return (value, at, problems) => {
    if (!Array.isArray(value)) {
      problems.push(malformed(at, `${quoteAny(value)} is not a list`, "write a list"));
      return undefined;
    }
    const { length } = value;
    const reason = `has ${String(length)} items`;
    if (length < itemsMin) {
      problems.push(malformed(at, reason, `use at least ${itemsMin}`));
      return undefined;
    }
    if (length > itemsMax) {
      const over = malformed(at, reason, `use at most ${itemsMax}`);
      problems.push(tooMany === undefined ? over : { ...over, ...overLimit(tooMany, itemsMax) });
      return undefined;
    }
    const before = problems.length;
    const result: unknown[] = [];
    const keys = new Set<unknown>();
    for (const [index, item] of value.entries()) {
      if (problems.length >= problemsMax) break;
      const path = `${at}[${String(index)}]`;
      const one = read(item, path, problems);
      result.push(one);
      const key = keyedBy === undefined ? undefined : (one as Fields | undefined)?.[keyedBy];
      if (key !== undefined && keys.has(key)) {
        problems.push(malformed(path, "stands twice in the list", "write it once"));
      }
      keys.add(key);
    }
    return problems.length === before ? result : undefined;
  };
}

function overLimit({ code, limit }: NonNullable<ListField["tooMany"]>, max: number) {
  return { code, fix: `use at most ${max}, the limit (${limit})`, facts: { limit, max } };
}

/** What an absent field stands for; undefined: nothing. */
export function defaultOf(field: Field, durations: DurationsAs): unknown {
  if (field.presence !== "defaulted") return undefined;
  switch (field.kind) {
    case "object": {
      const made: Record<string, unknown> = {};
      for (const [name, inner] of Object.entries(field.fields)) {
        const value = defaultOf(inner, durations);
        if (value !== undefined) made[name] = value;
      }
      return Object.freeze(made);
    }
    case "duration":
      return durations === "ms" ? parseDurationMs(field.default ?? "0s") : field.default;
    case "choice":
    case "integer":
    case "text":
    case "boolean":
      return field.default;
    case "timestamp":
    case "stringMap":
    case "list":
      return undefined;
    default:
      return field satisfies never;
  }
}
