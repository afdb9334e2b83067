/**
 * `client/generated/`: what the typed client knows of the API, from the tables that the sidecar serves it by. The client is
 * shipped by itself and imports nothing else of ours, so durations, too, are read there by a copy.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { format } from "prettier";
import type { Field, Fields, ObjectField } from "#api/fields.ts";
import { injectLabel, injectLabelValues, ports } from "#api/names.ts";
import type { Operation } from "#api/operations/operation.ts";
import { operations, type OperationId } from "#api/operations/operations.ts";
import { problemFacts } from "#api/operations/problem-body.ts";
import { problems, type ProblemCode } from "#api/problems.ts";
import { headOf, type Made } from "./made.ts";

const folder = "client/generated";
const durationSource = "api/fields/duration.ts";
const projectFolder = join(import.meta.dirname, "../..");

/** Those that the client calls. */
const called = [
  "acquireLock",
  "acquireLockSet",
  "getGrant",
  "renewGrant",
  "releaseGrant",
  "releaseHolder",
  "getLock",
  "listLocks",
  "listDeadlocks",
  "watchLock",
  "forceRelease",
] as const satisfies readonly OperationId[];

export async function makeClient(): Promise<Made> {
  const duration = await readFile(join(projectFolder, durationSource), "utf8");
  return new Map([
    [`${folder}/problems.ts`, await written("api/problems.ts", problemsSource())],
    [`${folder}/operations.ts`, await written("api/operations", operationsSource())],
    [`${folder}/names.ts`, await written("api/names.ts", namesSource())],
    [`${folder}/duration.ts`, await written(durationSource, duration)],
  ]);
}

function written(source: string, text: string): Promise<string> {
  const head = `/* ${headOf(source)} */\n\n`;
  return format(head + text, { parser: "typescript", printWidth: 100 });
}

function namesSource(): string {
  return `export const httpPort = ${ports.http};
export const injectLabel = ${JSON.stringify(`${injectLabel}=${injectLabelValues[0]}`)};`;
}

function problemsSource(): string {
  const codes = Object.keys(problems) as ProblemCode[];
  const kinds = codes.map((code) => {
    const { status, title, advice } = problems[code];
    return `${doc(`${title}. ${advice}`)}${code}: ${status},`;
  });
  const facts = codes.map((code) => `${code}: ${objectType(problemFacts[code] ?? {}, "answer")};`);
  return `/** Every problem that the API answers with, and its HTTP status. */
export const problemStatus = { ${kinds.join("\n")} } as const;

export type ProblemCode = keyof typeof problemStatus;

/** What a problem of that code tells beside its detail. */
export interface ProblemFacts { ${facts.join("\n")} }`;
}

function operationsSource(): string {
  const all = called.map((id): Operation => operations[id]);
  const bodies = new Map<string, ObjectField>();
  for (const { replies } of all) {
    for (const { body } of Object.values(replies)) collectTitled(body, bodies);
  }
  const interfaces = [...bodies].map(
    ([title, body]) =>
      `${doc(body.about)}export interface ${title} ${objectType(body.fields, "answer")}`,
  );
  const table = all.map(
    ({ id, about, method, path, fieldsIn }) =>
      `${doc(about)}${id}: ${JSON.stringify({ method, path, fieldsIn })},`,
  );
  const asked = all.map(
    ({ id, pathFields, fields, replies }) => `${id}: {
      readonly path: ${objectType(pathFields, "request")};
      readonly fields: ${objectType(fields, "request")};
      readonly answer: ${answerOf(replies)};
    };`,
  );
  return `${interfaces.join("\n\n")}

/** Method and path of each operation; \`fieldsIn\`: where all else stands. */
export const operations = { ${table.join("\n")} } as const;

export type OperationId = keyof typeof operations;

/** What each operation takes and is answered with. */
export interface Operations { ${asked.join("\n")} }`;
}

function collectTitled(field: Field | undefined, into: Map<string, ObjectField>): void {
  if (field?.kind === "list") collectTitled(field.items, into);
  if (field?.kind !== "object") return;
  if (field.title !== undefined) into.set(field.title, field);
  for (const inner of Object.values(field.fields)) collectTitled(inner, into);
}

function answerOf(replies: Operation["replies"]): string {
  const [first] = Object.values(replies).map(({ body }) => body?.title);
  return first ?? "undefined";
}

/** Whether what stands there is said to us, or by us: what has a default may then be left out. */
type Direction = "request" | "answer";

function objectType(fields: Fields, direction: Direction): string {
  const lines = Object.entries(fields).flatMap(([name, field]) => {
    const type = typeOf(field, direction);
    if (type === undefined) return [];
    const mayBeAbsent =
      field.presence === "optional" || (direction === "request" && field.presence === "defaulted");
    return [`${doc(aboutOf(field))}readonly ${name}${mayBeAbsent ? "?" : ""}: ${type};`];
  });
  return `{ ${lines.join("\n")} }`;
}

/** undefined: this version takes no value. */
function typeOf(field: Field, direction: Direction): string | undefined {
  if ("supported" in field && direction === "request") {
    const { supported = [] } = field;
    if (supported.length === 0) return undefined;
    return supported.map((value) => JSON.stringify(value)).join(" | ");
  }
  switch (field.kind) {
    case "choice":
      return Object.keys(field.values)
        .map((value) => JSON.stringify(value))
        .join(" | ");
    case "duration":
    case "text":
    case "timestamp":
      return "string";
    case "integer":
      return "number";
    case "boolean":
      return "boolean";
    case "stringMap":
      return "Readonly<Record<string, string>>";
    case "object":
      return field.title ?? objectType(field.fields, direction);
    case "list":
      return `readonly ${typeOf(field.items, direction) ?? "never"}[]`;
    default:
      return field satisfies never;
  }
}

function aboutOf(field: Field): string {
  if (!("default" in field) || typeof field.default === "object") return field.about;
  return `${field.about} Default: ${String(field.default)}.`;
}

function doc(text: string): string {
  return `\n/** ${text.replaceAll("*/", "* /")} */\n`;
}
