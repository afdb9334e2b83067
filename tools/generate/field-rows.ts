/** Fields as rows of a table for people. */
import type { Field, Fields } from "#api/fields.ts";
import { forms } from "#api/fields/text.ts";
import { code } from "./markdown.ts";

export interface FieldRow {
  /** `limits.wait`, as code. */
  readonly path: string;
  /** Type and range. */
  readonly takes: string;
  readonly absent: string;
  readonly immutable: boolean;
  readonly about: string;
}

/** One row a field; the fields of objects stand below theirs. */
export function rowsOf(fields: Fields, prefix = ""): FieldRow[] {
  return Object.entries(fields).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const row = {
      path: code(path),
      takes: takes(field),
      absent: absent(field),
      immutable: field.immutable === true,
      about: about(field),
    };
    return [row, ...innerRows(field, path)];
  });
}

function innerRows(field: Field, path: string): FieldRow[] {
  if (field.kind === "object") return rowsOf(field.fields, `${path}.`);
  if (field.kind === "list" && field.items.kind === "object" && field.items.title === undefined) {
    return rowsOf(field.items.fields, `${path}[].`);
  }
  return [];
}

function takes(field: Field): string {
  switch (field.kind) {
    case "choice":
      return Object.keys(field.values).map(code).join(", ");
    case "duration":
      return `duration, ${code(field.min)} to ${code(field.max)}`;
    case "integer":
      return field.max === Number.MAX_SAFE_INTEGER
        ? `whole number from ${field.min}`
        : `whole number, ${field.min} to ${field.max}`;
    case "text":
      return `${forms[field.form].mustBe}, to ${field.bytesMax ?? forms[field.form].bytesMax} bytes`;
    case "boolean":
      return "`true`, `false`";
    case "timestamp":
      return "moment (RFC 3339)";
    case "stringMap":
      return `up to ${field.entriesMax} names with texts`;
    case "object":
      return field.title ?? "object";
    case "list":
      return `list of ${field.itemsMin ?? 0} to ${field.itemsMax}: ${takes(field.items)}`;
    default:
      return field satisfies never;
  }
}

function absent(field: Field): string {
  if (field.presence === "required") return "required";
  if (field.presence === "optional") return "–";
  return field.kind === "object" || !("default" in field)
    ? "its fields'"
    : code(String(field.default));
}

function about(field: Field): string {
  const parts = [field.about];
  if (field.kind === "choice") {
    const values = Object.entries(field.values).map(([value, what]) => `${code(value)}: ${what}`);
    parts.push(`${values.join("; ")}.`);
  }
  if ("supported" in field) parts.push(supportedNote(field.supported));
  return parts.join(" ");
}

function supportedNote(supported: readonly unknown[]): string {
  if (supported.length === 0) return "*Not supported yet: refused when set.*";
  return `*This version supports only ${supported.map((one) => code(String(one))).join(", ")}.*`;
}
