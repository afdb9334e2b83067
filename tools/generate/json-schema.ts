/**
 * JSON schemas of fields, in two tongues. `structural` is what the API server takes in a CRD: every node typed, no
 * alternatives, rules in CEL; it describes the kind in full. `contract` is what this version of the sidecar serves,
 * for the OpenAPI document: what is not supported yet is left out.
 */
import type { Field, Fields, IntegerField, ObjectField, TextField } from "#api/fields.ts";
import { durationCharsMax, durationPattern } from "#api/fields/duration.ts";
import { defaultOf } from "#api/fields/read.ts";
import { forms, type TextForm } from "#api/fields/text.ts";
import { rulesOf } from "./cel.ts";

export type Schema = Readonly<Record<string, unknown>>;

export interface Tongue {
  readonly name: "structural" | "contract";
  /** How an object with a title is written where it is used: in place, or as a reference. */
  readonly titled: (field: ObjectField, inPlace: Schema) => Schema;
}

export const structural: Tongue = { name: "structural", titled: (_, inPlace) => inPlace };

export function schemaOf(field: Field, tongue: Tongue): Schema {
  const schema = { description: describe(field), ...shapeOf(field, tongue) };
  const rules = tongue.name === "structural" ? rulesOf(field) : [];
  const absent = defaultIn(field, tongue);
  const complete = {
    ...schema,
    ...(absent === undefined ? {} : { default: absent }),
    ...(rules.length === 0 ? {} : { "x-kubernetes-validations": rules }),
  };
  return field.kind === "object" && field.title !== undefined
    ? tongue.titled(field, complete)
    : complete;
}

/** Kubernetes fills `{}` from the inside, so that an addition to the fields needs no change of the default. */
function defaultIn(field: Field, tongue: Tongue): unknown {
  const absent = defaultOf(field, "text");
  return field.kind === "object" && absent !== undefined && tongue.name === "structural"
    ? {}
    : absent;
}

export function describe(field: Field): string {
  switch (field.kind) {
    case "choice": {
      const values = Object.entries(field.values).map(([value, about]) => `${value}: ${about}`);
      return `${field.about} ${values.join("; ")}.`;
    }
    case "duration":
      return `${field.about} From ${field.min} to ${field.max}.`;
    case "integer":
    case "text":
    case "boolean":
    case "timestamp":
    case "stringMap":
    case "object":
    case "list":
      return field.about;
    default:
      return field satisfies never;
  }
}

function shapeOf(field: Field, tongue: Tongue): Schema {
  switch (field.kind) {
    case "choice":
      return { type: "string", enum: served(field, Object.keys(field.values), tongue) };
    case "duration":
      return {
        type: "string",
        ...(tongue.name === "contract" ? { pattern: durationPattern } : {}),
        maxLength: durationCharsMax,
        ...only(field, tongue),
      };
    case "integer":
      return { ...integerShape(field), ...only(field, tongue) };
    case "text":
      return textShape(field, tongue);
    case "boolean":
      return { type: "boolean" };
    case "timestamp":
      return { type: "string", format: "date-time" };
    case "stringMap":
      return {
        type: "object",
        maxProperties: field.entriesMax,
        additionalProperties: { type: "string", maxLength: field.valueBytesMax },
      };
    case "object":
      return objectShape(field, tongue);
    case "list":
      return {
        type: "array",
        ...(field.itemsMin === undefined ? {} : { minItems: field.itemsMin }),
        maxItems: field.itemsMax,
        items: schemaOf(field.items, tongue),
        ...(field.keyedBy === undefined || tongue.name === "contract"
          ? {}
          : { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [field.keyedBy] }),
      };
    default:
      return field satisfies never;
  }
}

interface Narrowed {
  readonly supported?: readonly unknown[];
}

function served(
  { supported }: Narrowed,
  all: readonly unknown[],
  tongue: Tongue,
): readonly unknown[] {
  return tongue.name === "contract" && supported !== undefined ? supported : all;
}

function only({ supported }: Narrowed, tongue: Tongue): Schema {
  return tongue.name === "contract" && supported !== undefined ? { enum: supported } : {};
}

const int32Max = 2_147_483_647;

function integerShape({ min, max }: IntegerField): Schema {
  return {
    type: "integer",
    format: max > int32Max ? "int64" : "int32",
    minimum: min,
    ...(max === Number.MAX_SAFE_INTEGER ? {} : { maximum: max }),
  };
}

/** Bytes are bounded from above by characters: a schema that is looser than the reader, never stricter. */
function textShape(field: TextField, tongue: Tongue): Schema {
  const form: TextForm = forms[field.form];
  const bytesMin = field.bytesMin ?? form.bytesMin;
  // What the form's rule refuses is not refused twice.
  const byRule = tongue.name === "structural" && form.pattern !== undefined && !form.accepts("");
  return {
    type: "string",
    ...(bytesMin > 0 && !byRule ? { minLength: 1 } : {}),
    maxLength: field.bytesMax ?? form.bytesMax,
    ...(form.pattern === undefined || tongue.name === "structural"
      ? {}
      : { pattern: form.pattern }),
  };
}

function objectShape({ fields, open }: ObjectField, tongue: Tongue): Schema {
  const shown = Object.entries(fieldsIn(fields, tongue));
  const required = shown.filter(([, field]) => field.presence === "required").map(([name]) => name);
  return {
    type: "object",
    ...(required.length === 0 ? {} : { required }),
    ...(shown.length === 0
      ? {}
      : {
          properties: Object.fromEntries(
            shown.map(([name, field]) => [name, schemaOf(field, tongue)]),
          ),
        }),
    ...(open === true ? { additionalProperties: true } : {}),
  };
}

/** A contract leaves out what cannot be written at all yet. */
export function fieldsIn(fields: Fields, tongue: Tongue): Fields {
  const shown = Object.entries(fields).filter(([, field]) => {
    const refused = "supported" in field && field.supported.length === 0;
    return tongue.name === "structural" || !refused;
  });
  return Object.fromEntries(shown);
}
