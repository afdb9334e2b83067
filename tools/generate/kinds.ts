/** `docs/reference/`: a page for each kind of resource. */
import { stringify } from "yaml";
import { durationExamples } from "#api/fields/duration.ts";
import { apiVersion, group } from "#api/names.ts";
import type { ResourceKind } from "#api/resources/kind.ts";
import { kinds } from "#api/resources/kinds.ts";
import { rowsOf } from "./field-rows.ts";
import { kebab, type Made } from "./made.ts";
import { code, page, table } from "./markdown.ts";

export function makeKinds(): Promise<Made> {
  const pages = kinds.map((kind): [string, string] => [
    `docs/reference/${kebab(kind.kind)}.md`,
    page(`api/resources/${kebab(kind.kind)}.ts`, kindPage(kind)),
  ]);
  return Promise.resolve(new Map(pages));
}

/** As `kubectl apply -f` takes it. */
export function exampleOf({ kind, example: { spec, ...metadata } }: ResourceKind): string {
  return stringify({ apiVersion, kind, metadata, spec });
}

function kindPage(kind: ResourceKind): string[] {
  const names = [kind.plural, ...kind.shortNames].map(code).join(", ");
  return [
    `# ${kind.kind}`,
    "",
    kind.about,
    "",
    `${code(apiVersion)}, namespaced; in kubectl ${names}, and all kinds of Holdfast as ${code("holdfast")}.`,
    "",
    "```yaml",
    ...exampleOf(kind).trimEnd().split("\n"),
    "```",
    "",
    "## spec",
    "",
    kind.spec.about,
    "",
    ...table(
      ["field", "takes", "default", "may change", "what"],
      rowsOf(kind.spec.fields).map(({ path, takes, absent, immutable, about }) => [
        ...[path, takes, absent, immutable ? "**no**" : "yes", about],
      ]),
    ),
    "",
    "Between fields, refused in these words:",
    "",
    ...kind.rules.map(({ field, reason, fix }) => `- ${code(`spec.${field}`)}: ${reason}; ${fix}`),
    "",
    `Durations are written as in ${durationExamples}. No bound is the absence of the field, never 0. What cannot be changed is refused by the API server: delete the resource, and make it anew.`,
    "",
    ...statusOf(kind),
    `The schema is ${code(`crds/${group}_${kind.plural}.yaml`)}.`,
  ];
}

function statusOf(kind: ResourceKind): string[] {
  return [
    "## status",
    "",
    `${kind.status.about} What its conditions say: [${code("Ready")} and the others](conditions.md#${kind.kind.toLowerCase()}).`,
    "",
    ...table(
      ["field", "takes", "what"],
      rowsOf(kind.status.fields).map(({ path, takes, about }) => [path, takes, about]),
    ),
    "",
    "## What kubectl shows",
    "",
    ...table(
      ["column", "what"],
      kind.columns.map(({ name, about }) => [code(name.toUpperCase()), about]),
    ),
    "",
  ];
}
