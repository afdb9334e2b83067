/**
 * What the API server is asked in CEL, and the words it then refuses with. A text of a set form is checked here and not
 * by `pattern`: the API server would answer with the expression, and go on to rules that the text makes no sense to.
 */
import type { Field, Fields, IntegerField, ObjectField } from "#api/fields.ts";
import {
  durationExamples,
  durationMsComparable,
  durationPatternComparable,
  parseDurationMs,
} from "#api/fields/duration.ts";
import { forms, type TextForm } from "#api/fields/text.ts";
import type { ResourceKind } from "#api/resources/kind.ts";

export interface CelRule {
  readonly rule: string;
  readonly message: string;
  readonly fieldPath?: string;
}

/** The rules of one field, about its value alone. */
export function rulesOf(field: Field): CelRule[] {
  const rules: CelRule[] = [];
  if (field.immutable === true) {
    const message = "is fixed once made; delete the resource and make it anew";
    rules.push({ rule: "self == oldSelf", message });
  }
  const message = mustBe(field);
  if (message !== undefined) rules.push({ rule: fits(field, "self").join(" && "), message });
  return rules;
}

/** In what words a value is refused; undefined: in the API server's own, which say enough. */
function mustBe(field: Field): string | undefined {
  if (field.kind === "duration")
    return `must be a duration from ${field.min} to ${field.max}; write it as in ${durationExamples}`;
  const form: TextForm | undefined = field.kind === "text" ? forms[field.form] : undefined;
  return form?.pattern === undefined ? undefined : `must be ${form.mustBe}`;
}

/**
 * The rules between fields. Each is asked only where the fields that it reads are well-formed by themselves, so that one
 * mistake is told once; which these are is read off its text.
 */
export function crossRulesOf(kind: ResourceKind): CelRule[] {
  return kind.rules.map(({ cel, reason, fix, field }) => {
    const given = [...new Set(pathsIn(cel).flatMap((path) => wellFormed(kind.spec, path)))];
    return {
      rule: given.length === 0 ? cel : `${given.join(" && ")} ? ${cel} : true`,
      message: `${reason}; ${fix}`,
      fieldPath: `.${field}`,
    };
  });
}

/** `self.limits.sidecars <= 200` → `[["limits", "sidecars"]]` */
function pathsIn(cel: string): string[][] {
  return [...cel.matchAll(/\bself((?:\.\w+)+)/g)].map(([, path = ""]) => path.slice(1).split("."));
}

/** Conditions on what stands at the path; what follows the last field is one of CEL's functions. */
function wellFormed(spec: ObjectField, path: readonly string[]): string[] {
  let [at, fields, field]: [string, Fields, Field] = ["self", spec.fields, spec];
  const absent: string[] = [];
  for (const name of path) {
    const next = fields[name];
    if (next === undefined) break;
    at += `.${name}`;
    if (next.presence === "optional") absent.push(`!has(${at})`);
    [field, fields] = [next, next.kind === "object" ? next.fields : {}];
  }
  if (field === spec) throw new Error(`self.${path.join(".")}: the spec has no such field.`);
  const present = fits(field, at);
  if (present.length === 0 || absent.length === 0) return present;
  return [`(${[...absent, present.join(" && ")].join(" || ")})`];
}

/** All of these hold of a value that is well-formed, beside what ends the API server's checks by itself: type, choice, length. */
function fits(field: Field, at: string): string[] {
  switch (field.kind) {
    case "duration":
      if (parseDurationMs(field.max) > durationMsComparable)
        throw new Error(`CEL cannot compare durations up to ${field.max}.`);
      return [
        matches(at, durationPatternComparable),
        `duration(${at}) >= duration('${field.min}')`,
        `duration(${at}) <= duration('${field.max}')`,
      ];
    case "text": {
      const { pattern }: TextForm = forms[field.form];
      return pattern === undefined ? [] : [matches(at, pattern)];
    }
    case "integer":
      return inRange(field, at);
    case "list": {
      const each = fits(field.items, "item").join(" && ");
      return [
        ...(field.itemsMin === undefined ? [] : [`size(${at}) >= ${field.itemsMin}`]),
        ...(each === "" ? [] : [`${at}.all(item, ${each})`]),
      ];
    }
    case "choice":
    case "boolean":
    case "timestamp":
    case "stringMap":
    case "object":
      return [];
    default:
      return field satisfies never;
  }
}

function inRange({ min, max }: IntegerField, at: string): string[] {
  const atMost = max === Number.MAX_SAFE_INTEGER ? [] : [`${at} <= ${max}`];
  return [`${at} >= ${min}`, ...atMost];
}

/** As a raw string, whose backslashes are the expression's. */
function matches(at: string, pattern: string): string {
  if (pattern.includes("'")) throw new Error(`A raw string of CEL cannot hold ${pattern}`);
  return `${at}.matches(r'${pattern}')`;
}
