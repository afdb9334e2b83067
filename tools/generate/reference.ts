/** `docs/reference/`: what may be asked over HTTP and what is answered, as pages for people. */
import type { Field, Fields, ObjectField } from "#api/fields.ts";
import { anywhere, type Operation, type Reply } from "#api/operations/operation.ts";
import { operations } from "#api/operations/operations.ts";
import { problemFacts, problemSchema, problemType } from "#api/operations/problem-body.ts";
import { problems, type ProblemCode, type ProblemKind } from "#api/problems.ts";
import { rowsOf } from "./field-rows.ts";
import type { Made } from "./made.ts";
import { code, page, table } from "./markdown.ts";

export function makeReference(): Promise<Made> {
  const pages: [string, string][] = [
    ["docs/reference/http-api.md", page("api/operations", httpPage())],
    ["docs/reference/problems.md", page("api/problems.ts", problemsPage())],
  ];
  return Promise.resolve(new Map(pages));
}

/** What a field of an operation takes, what its absence means, what it is for. */
function cellsOf(fields: Fields): string[][] {
  return rowsOf(fields).map(({ path, takes, absent, about }) => [path, takes, absent, about]);
}

function httpPage(): string[] {
  const all: readonly Operation[] = Object.values(operations);
  const bodies = new Map<string, ObjectField>();
  for (const { replies } of all) {
    for (const { body, events = {} } of Object.values(replies)) {
      collectTitled(body, bodies);
      for (const event of Object.values(events)) collectTitled(event.body, bodies);
    }
  }
  bodies.delete(problemSchema.title ?? "");
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
        : [...table(["field", "takes", "", "what"], cellsOf(body.fields)), ""]),
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
      : [...table(["field", "takes", "default", "what"], cellsOf(fields)), ""]),
    ...operation.rules.map(({ field, reason, fix }) => `${code(field)}: ${reason}; ${fix}.\n`),
    ...Object.entries(operation.replies).flatMap(([status, reply]) => [
      replyLine(status, reply),
      ...eventLines(reply),
    ]),
    ...(own.length === 0 ? [] : [`- problems of its own: ${own.join(", ")}`]),
    "",
  ];
}

function replyLine(status: string, { about: what, body, text }: Reply): string {
  const link = body?.title === undefined ? "" : ` → [${body.title}](#${body.title.toLowerCase()})`;
  return `- **${status}** ${what}${link}${text === undefined ? "" : ` ${text.about}`}`;
}

function eventLines({ body, events }: Reply): string[] {
  if (events === undefined) return [];
  const asked = body === undefined ? "" : "With `Accept: text/event-stream` as a stream of events:";
  return [
    ...(asked === "" ? [] : [`- ${asked}`]),
    ...Object.entries(events).map(
      ([
        name,
        {
          about,
          body: { title = "" },
        },
      ]) => {
        const page = title === problemSchema.title ? "problems.md" : `#${title.toLowerCase()}`;
        return `  - ${code(name)} ${about} → [${title}](${page})`;
      },
    ),
  ];
}

function problemLink(name: ProblemCode): string {
  return `[${code(name)}](problems.md#${name})`;
}

/** Of those whose status lets one expect Retry-After. */
function retryLine(name: ProblemCode): string {
  const { lasts }: ProblemKind = problems[name];
  return lasts === true
    ? " A retry is answered alike until somebody changes something: there is no `Retry-After`."
    : "";
}

function problemsPage(): string[] {
  const codes = Object.keys(problems) as ProblemCode[];
  return [
    "# Problems",
    "",
    "Every error is `application/problem+json` (RFC 9457): `type`, `title`, `status`, `detail` and a stable `code`; `detail` says what, which, and what to do. Facts stand beside them. With 429 and 503 `Retry-After` is set, but where it can never help.",
    "",
    ...codes.flatMap((name) => {
      const { status, title, advice } = problems[name];
      const facts = Object.entries(problemFacts[name] ?? {});
      return [
        `## ${name}`,
        "",
        `**${status}** ${title}. ${advice}${retryLine(name)}`,
        "",
        `Type ${code(problemType(name))}.${facts.length === 0 ? "" : " Facts:"}`,
        "",
        ...facts.map(([fact, field]) => `- ${code(fact)}: ${field.about}`),
        ...(facts.length === 0 ? [] : [""]),
      ];
    }),
  ].slice(0, -1);
}
