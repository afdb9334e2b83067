/** One document of a file, once it is read: whose it is, what it names, and whether its spec holds. */
import type { FieldProblem } from "#api/fields/read.ts";
import { unknownField } from "#api/fields/read.ts";
import { forms, quoteAny } from "#api/fields/text.ts";
import { apiVersion, group } from "#api/names.ts";
import {
  distributedLock,
  parseDistributedLockSpec,
  type DistributedLockSpec,
} from "#api/resources/distributed-lock.ts";

export type Checked =
  | { readonly kind: "resource"; readonly name: string; readonly spec: DistributedLockSpec }
  /** `name`: of the resource that it was meant to be, where it says so. */
  | {
      readonly kind: "wrong";
      readonly name?: string | undefined;
      readonly problems: readonly FieldProblem[];
    }
  /** Of somebody else's API group. */
  | { readonly kind: "foreign"; readonly what: string };

const topFields = ["apiVersion", "kind", "metadata", "spec", "status"] as const;
/** Kinds that a sidecar serves: others are the operator's alone. */
const known: readonly string[] = [distributedLock.kind];

export function checkDocument(value: unknown, namespace: string): Checked {
  if (!isMapping(value))
    return wrong(
      problem(
        "document",
        `${quoteAny(value)} is no resource`,
        "write apiVersion, kind, metadata and spec",
      ),
    );
  const { apiVersion: written, kind, metadata } = value;
  if (typeof written !== "string" || !written.startsWith(`${group}/`)) {
    return { kind: "foreign", what: `${quoteAny(written)}, kind ${quoteAny(kind)}` };
  }
  const name =
    isMapping(metadata) && typeof metadata["name"] === "string" ? metadata["name"] : undefined;
  const problems = [...headProblems(value), ...nameProblems(metadata, namespace)];
  if (problems.length > 0) return { kind: "wrong", name, problems };
  const read = parseDistributedLockSpec(value["spec"], "spec");
  if (!read.ok) return { kind: "wrong", name, problems: read.problems };
  return { kind: "resource", name: name ?? "", spec: read.spec };
}

function headProblems(value: Readonly<Record<string, unknown>>): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const { apiVersion: written, kind } = value;
  if (written !== apiVersion)
    problems.push(
      problem("apiVersion", `${quoteAny(written)} is not known here`, `use '${apiVersion}'`),
    );
  if (typeof kind !== "string" || !known.includes(kind)) {
    problems.push(
      problem("kind", `${quoteAny(kind)} is not known here`, `known are: ${known.join(", ")}`),
    );
  }
  for (const field of Object.keys(value)) {
    if (!topFields.some((top) => top === field)) problems.push(unknownField(field, topFields, ""));
  }
  return problems;
}

function nameProblems(metadata: unknown, namespace: string): FieldProblem[] {
  if (!isMapping(metadata))
    return [problem("metadata", `${quoteAny(metadata)} is no object`, "write metadata: {name: …}")];
  const { name, namespace: written } = metadata;
  const { accepts, bytesMax, mustBe } = forms.subdomain;
  const problems: FieldProblem[] = [];
  if (typeof name !== "string" || name.length > bytesMax || !accepts(name)) {
    problems.push(problem("metadata.name", `${quoteAny(name)} is no name`, `it must be ${mustBe}`));
  }
  if (written !== undefined && written !== null && written !== namespace) {
    const fix = `leave it out, or start the sidecar with HOLDFAST_NAMESPACE set to it`;
    problems.push(
      problem(
        "metadata.namespace",
        `${quoteAny(written)} is not this sidecar's, '${namespace}'`,
        fix,
      ),
    );
  }
  return problems;
}

function wrong(one: FieldProblem): Checked {
  return { kind: "wrong", problems: [one] };
}

function problem(field: string, reason: string, fix: string): FieldProblem {
  return { code: "malformed", field, reason, fix };
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
