/** What a resource kind is: its names, its fields, the rules between them, and what kubectl shows. All of it is data. */
import type { Fields, ObjectField, ValueOf, WrittenAs } from "../fields.ts";
import { problemsMax, readerOf, type FieldProblem, type Reader } from "../fields/read.ts";
import { quoteAny } from "../fields/text.ts";

/** A rule between fields, said twice: for the API server in CEL, and here. A test holds the two to be equal. */
export interface CrossRule<Spec> {
  /** On `self`, the spec with all defaults in. */
  readonly cel: string;
  readonly holds: (spec: Spec) => boolean;
  /** The field to name, below the spec. */
  readonly field: string;
  readonly reason: string;
  readonly fix: string;
}

export interface PrinterColumn {
  readonly name: string;
  readonly type: "string" | "integer" | "date";
  readonly jsonPath: string;
  readonly about: string;
}

export interface ResourceKind<F extends ObjectField = ObjectField> {
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly about: string;
  readonly spec: F;
  readonly status: ObjectField;
  readonly rules: readonly CrossRule<ValueOf<F>>[];
  readonly columns: readonly PrinterColumn[];
  /** A resource that this version serves, with what one most often writes. */
  readonly example: {
    readonly name: string;
    /** Absent: whichever one is in. */
    readonly namespace?: string;
    readonly spec: WrittenAs<F>;
  };
}

export type SpecRead<Spec> =
  | { readonly ok: true; readonly spec: Spec }
  | { readonly ok: false; readonly problems: readonly FieldProblem[] };

/** Makes the reader of a kind's spec, which fills in all defaults and never throws. */
export function specReader<F extends ObjectField>(kind: ResourceKind<F>) {
  const read: Reader = readerOf(kind.spec, "text");
  return (input: unknown, path: string): SpecRead<ValueOf<F>> => {
    const problems: FieldProblem[] = [];
    const spec = read(input ?? {}, path, problems) as ValueOf<F>;
    if (problems.length === 0) problems.push(...brokenRules(kind.rules, spec, path));
    if (problems.length > 0) return { ok: false, problems: problems.slice(0, problemsMax) };
    return { ok: true, spec };
  };
}

function brokenRules<Spec>(
  rules: readonly CrossRule<Spec>[],
  spec: Spec,
  path: string,
): FieldProblem[] {
  return rules
    .filter((rule) => !rule.holds(spec))
    .map(({ field, reason, fix }) => ({
      code: "malformed",
      field: `${path}.${field}`,
      reason,
      fix,
    }));
}

/** What a change from one spec to another must not touch. Both are as the reader gave them. */
export function forbiddenChanges(
  spec: ObjectField,
  specs: { readonly before: object; readonly after: object },
  path: string,
): FieldProblem[] {
  return immutableFields(spec.fields).flatMap((name) => {
    const before = (specs.before as Readonly<Record<string, unknown>>)[name];
    const after = (specs.after as Readonly<Record<string, unknown>>)[name];
    if (before === after) return [];
    const reason = `is fixed once made and was ${quoteAny(before)}, not ${quoteAny(after)}`;
    const fix = "put it back, or delete the resource and make it anew";
    return [{ code: "malformed", field: `${path}.${name}`, reason, fix } as const];
  });
}

/** Only scalars of the spec's first level are immutable so far; {@link immutableFields} says so when that changes. */
function immutableFields(fields: Fields): string[] {
  return Object.keys(fields).filter((name) => fields[name]?.immutable === true);
}
