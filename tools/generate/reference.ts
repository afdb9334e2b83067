/** `docs/reference/`: what may be written and what is answered, as pages for people. */
import type { Field, Fields, ObjectField } from "#api/fields.ts";
import { apiVersion, group } from "#api/names.ts";
import { anywhere, type Operation, type Reply } from "#api/operations/operation.ts";
import { operations } from "#api/operations/operations.ts";
import { problemFacts, problemType } from "#api/operations/problem-body.ts";
import { problems, type ProblemCode } from "#api/problems.ts";
import type { ResourceKind } from "#api/resources/kind.ts";
import { kinds } from "#api/resources/kinds.ts";
import { forms } from "#api/fields/text.ts";
import { headOf, kebab, type Made } from "./made.ts";

export function makeReference(): Promise<Made> {
  const pages: [string, string][] = kinds.map((kind) => [
    `docs/reference/${kebab(kind.kind)}.md`,
    page(`api/resources/${kebab(kind.kind)}.ts`, kindPage(kind)),
  ]);
  pages.push(["docs/reference/http-api.md", page("api/operations", httpPage())]);
  pages.push(["docs/reference/problems.md", page("api/problems.ts", problemsPage())]);
  return Promise.resolve(new Map(pages));
}

function page(sources: string, lines: readonly string[]): string {
  return `<!-- ${headOf(sources)} -->\n\n${lines.join("\n")}\n`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}

function code(text: string): string {
  return `\`${text}\``;
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
    "## spec",
    "",
    kind.spec.about,
    "",
    ...table(["field", "takes", "default", "what"], rowsOf(kind.spec.fields, "")),
    "",
    "Between fields, refused in these words:",
    "",
    ...kind.rules.map(({ field, reason, fix }) => `- spec.${field}: ${reason}; ${fix}`),
    "",
    "Durations are written as `500ms`, `30s`, `1m30s`, `1.5h`. No bound is the absence of the field, never 0.",
    "",
    "## status",
    "",
    kind.status.about,
    "",
    ...table(["field", "takes", "what"], rowsOf(kind.status.fields, "").map(withoutDefault)),
    "",
    "## What kubectl shows",
    "",
    ...table(
      ["column", "what"],
      kind.columns.map(({ name, about }) => [code(name.toUpperCase()), about]),
    ),
    "",
    `The schema is ${code(`crds/${group}_${kind.plural}.yaml`)}.`,
  ];
}

function withoutDefault(row: readonly string[]): string[] {
  return row.filter((_, index) => index !== 2);
}

/** One row a field; the fields of objects stand below theirs, with the path as their name. */
function rowsOf(fields: Fields, prefix: string): string[][] {
  return Object.entries(fields).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const row = [code(path), takes(field), absent(field), about(field)];
    return [row, ...innerRows(field, path)];
  });
}

function innerRows(field: Field, path: string): string[][] {
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
      return `list of ${takes(field.items)}`;
    default:
      return field satisfies never;
  }
}

function absent(field: Field): string {
  if (field.presence === "required") return "required";
  if (field.presence === "optional") return "–";
  return "default" in field ? code(String(field.default)) : "its fields'";
}

function about(field: Field): string {
  const parts = [field.about];
  if (field.kind === "choice") {
    const values = Object.entries(field.values).map(([value, what]) => `${code(value)}: ${what}`);
    parts.push(`${values.join("; ")}.`);
  }
  if (field.immutable === true) parts.push("**Immutable.**");
  if ("supported" in field) parts.push(supportedNote(field.supported));
  return parts.join(" ");
}

function supportedNote(supported: readonly unknown[]): string {
  if (supported.length === 0) return "*Not supported yet: refused when set.*";
  return `*This version supports only ${supported.map((one) => code(String(one))).join(", ")}.*`;
}

function httpPage(): string[] {
  const all: readonly Operation[] = Object.values(operations);
  const bodies = new Map<string, ObjectField>();
  for (const { replies } of all) {
    for (const { body } of Object.values(replies)) collectTitled(body, bodies);
  }
  return [
    "# HTTP API",
    "",
    "The sidecar answers on `localhost:4653`, for its own namespace. The same as an OpenAPI 3.1 document is at `/openapi.json`.",
    "Names in paths are percent-encoded. Every field of a JSON body that is no map may stand in the query instead, but in one place only; unknown fields are refused by name.",
    "",
    `An error is an [\`application/problem+json\`](problems.md). Every operation may answer ${anywhere.map(problemLink).join(", ")}.`,
    "",
    ...table(
      ["operation", "what"],
      all.map((one) => [
        `[${code(`${one.method} ${one.path}`)}](#${one.id.toLowerCase()})`,
        one.about,
      ]),
    ),
    "",
    ...all.flatMap(operationSection),
    "## Answers",
    "",
    ...[...bodies.values()].flatMap((body) => [
      `### ${body.title ?? ""}`,
      "",
      body.about,
      "",
      ...(Object.keys(body.fields).length === 0
        ? []
        : [...table(["field", "takes", "", "what"], rowsOf(body.fields, "")), ""]),
    ]),
  ].slice(0, -1);
}

function collectTitled(field: Field | undefined, into: Map<string, ObjectField>): void {
  if (field?.kind === "list") collectTitled(field.items, into);
  if (field?.kind !== "object") return;
  if (field.title !== undefined) into.set(field.title, field);
  for (const inner of Object.values(field.fields)) collectTitled(inner, into);
}

function operationSection(operation: Operation): string[] {
  const fields = { ...operation.pathFields, ...operation.fields };
  const own = operation.problems.map(problemLink);
  return [
    `## ${operation.id}`,
    "",
    code(`${operation.method} ${operation.path}`),
    "",
    operation.about,
    "",
    ...(Object.keys(fields).length === 0
      ? []
      : [...table(["field", "takes", "default", "what"], rowsOf(fields, "")), ""]),
    ...operation.rules.map(({ field, reason, fix }) => `${code(field)}: ${reason}; ${fix}.\n`),
    ...Object.entries(operation.replies).map(([status, reply]) => replyLine(status, reply)),
    ...(own.length === 0 ? [] : [`- problems of its own: ${own.join(", ")}`]),
    "",
  ];
}

function replyLine(status: string, { about: what, body, text }: Reply): string {
  const link = body?.title === undefined ? "" : ` → [${body.title}](#${body.title.toLowerCase()})`;
  return `- **${status}** ${what}${link}${text === undefined ? "" : ` ${text.about}`}`;
}

function problemLink(name: ProblemCode): string {
  return `[${code(name)}](problems.md#${name})`;
}

function problemsPage(): string[] {
  const codes = Object.keys(problems) as ProblemCode[];
  return [
    "# Problems",
    "",
    "Every error is `application/problem+json` (RFC 9457): `type`, `title`, `status`, `detail` and a stable `code`; `detail` says what, which, and what to do. Facts stand beside them.",
    "",
    ...codes.flatMap((name) => {
      const { status, title, advice } = problems[name];
      const facts = Object.entries(problemFacts[name] ?? {});
      return [
        `## ${name}`,
        "",
        `**${status}** ${title}. ${advice}`,
        "",
        `Type ${code(problemType(name))}.${facts.length === 0 ? "" : " Facts:"}`,
        "",
        ...facts.map(([fact, field]) => `- ${code(fact)}: ${field.about}`),
        ...(facts.length === 0 ? [] : [""]),
      ];
    }),
  ].slice(0, -1);
}
