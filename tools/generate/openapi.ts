/** `api/generated/openapi.ts`: the operations of `api/operations` as an OpenAPI 3.1 document, served at /openapi.json. */
import { format } from "prettier";
import type { Field, Fields, ObjectField } from "#api/fields.ts";
import { version } from "#api/names.ts";
import {
  anywhere,
  eventsMediaType,
  type Operation,
  type Reply,
  type StreamEvents,
} from "#api/operations/operation.ts";
import { operations } from "#api/operations/operations.ts";
import { problemFacts, problemMediaType, problemSchema } from "#api/operations/problem-body.ts";
import { ports } from "#api/names.ts";
import { problems, type ProblemCode } from "#api/problems.ts";
import { fieldsIn, schemaOf, type Schema, type Tongue } from "./json-schema.ts";
import { headOf, type Made } from "./made.ts";

const path = "api/generated/openapi.ts";

export async function makeOpenapi(): Promise<Made> {
  const source = `/**
 * ${headOf("api/operations and api/problems.ts")}
 */
export const openapi: Readonly<Record<string, unknown>> = ${JSON.stringify(openapiDocument())};
`;
  return new Map([[path, await format(source, { parser: "typescript", printWidth: 100 })]]);
}

/** Collects what has a title as a component, under that title. */
class Components implements Tongue {
  readonly name = "contract";
  readonly schemas = new Map<string, Schema>();

  readonly titled = (field: ObjectField, inPlace: Schema): Schema => {
    const title = field.title ?? "";
    const known = this.schemas.get(title);
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(inPlace)) {
      throw new Error(
        `Two objects of unlike fields bear the title ${title}. Give one another title.`,
      );
    }
    this.schemas.set(title, inPlace);
    return { $ref: `#/components/schemas/${title}` };
  };
}

export function openapiDocument(): object {
  const components = new Components();
  const all: readonly Operation[] = Object.values(operations);
  const paths = Object.fromEntries(
    Array.from(
      Map.groupBy(all, (operation) => operation.path),
      ([template, those]) => [
        template,
        Object.fromEntries(
          those.map((operation) => [
            operation.method.toLowerCase(),
            operationOf(operation, components),
          ]),
        ),
      ],
    ),
  );
  return {
    openapi: "3.1.1",
    info: {
      title: "Holdfast sidecar",
      version,
      description: "Locks for the pods of one namespace, on localhost.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: `http://localhost:${ports.http}` }],
    paths,
    components: {
      schemas: Object.fromEntries([
        ...[...components.schemas].sort(([a], [b]) => (a < b ? -1 : 1)),
        ["Problem", problemComponent(components)],
      ]),
    },
  };
}

/** All facts of all problems, each named with the codes that bring it. */
function problemComponent(tongue: Tongue): Schema {
  const facts: Record<string, Schema> = {};
  for (const [code, fields] of Object.entries(problemFacts)) {
    for (const [name, field] of Object.entries(fields)) {
      const before = facts[name]?.["description"];
      const schema = schemaOf(field, tongue);
      const codes = typeof before === "string" ? before.replace(/^.*With (.*)\.$/, "$1, ") : "";
      facts[name] = { ...schema, description: `${field.about} With ${codes}${code}.` };
    }
  }
  const { title: _, ...untitled } = problemSchema;
  const schema = schemaOf(untitled, tongue);
  const members = schema["properties"] as Readonly<Record<string, Schema>>;
  const properties = {
    ...members,
    code: { ...members["code"], enum: Object.keys(problems) },
    ...facts,
  };
  return { ...schema, properties };
}

function operationOf(operation: Operation, components: Components): object {
  const inBody = operation.fieldsIn === "body" ? fieldsIn(operation.fields, components) : {};
  return {
    operationId: operation.id,
    description: operation.about,
    parameters: parametersOf(operation, components),
    ...(Object.keys(inBody).length === 0 ? {} : { requestBody: bodyOf(inBody, components) }),
    responses: {
      ...Object.fromEntries(
        Object.entries(operation.replies).map(([status, reply]) => [
          status,
          replyOf(reply, components),
        ]),
      ),
      ...problemReplies(operation),
    },
  };
}

const scalars: readonly Field["kind"][] = ["choice", "duration", "integer", "text", "boolean"];

function parametersOf(operation: Operation, components: Components): object[] {
  const inPath = Object.entries(operation.pathFields).map(([name, field]) => ({
    name,
    in: "path",
    required: true,
    description: field.about,
    schema: schemaOf(field, components),
  }));
  const inQuery = Object.entries(fieldsIn(operation.fields, components))
    .filter(([, field]) => scalars.includes(field.kind))
    .map(([name, field]) => ({
      name,
      in: "query",
      required: field.presence === "required" && operation.fieldsIn === "query",
      description: field.about,
      schema: schemaOf(field, components),
    }));
  return [...inPath, ...inQuery];
}

function bodyOf(fields: Fields, components: Components): object {
  const properties = Object.entries(fields).map(([name, field]) => [
    name,
    schemaOf(field, components),
  ]);
  return {
    required: false,
    description: "Each field once: here or, where it is no map, in the query.",
    content: {
      "application/json": {
        schema: {
          type: "object",
          properties: Object.fromEntries(properties) as Schema,
          additionalProperties: false,
        },
      },
    },
  };
}

function replyOf({ about, body, text, events }: Reply, components: Components): object {
  const streamed = events && { [eventsMediaType]: eventsOf(events, components) };
  if (body === undefined)
    return { description: about, ...(streamed === undefined ? {} : { content: streamed }) };
  const plain = text && { "text/plain": { schema: { type: "string", examples: [text.example] } } };
  return {
    description: text === undefined ? about : `${about} ${text.about}`,
    content: { "application/json": { schema: schemaOf(body, components) }, ...plain, ...streamed },
  };
}

/** OpenAPI 3.1 has no words for the events of a stream. */
function eventsOf(events: StreamEvents, components: Components): object {
  const told = Object.entries(events).map(([name, { about, body }]) => [
    name,
    {
      description: about,
      schema:
        body === problemSchema
          ? { $ref: "#/components/schemas/Problem" }
          : schemaOf(body, components),
    },
  ]);
  return {
    schema: { type: "string" },
    "x-events": Object.fromEntries(told) as Record<string, object>,
  };
}

export function problemsOf(operation: Operation): ProblemCode[] {
  return [...new Set<ProblemCode>([...operation.problems, ...anywhere])];
}

function problemReplies(operation: Operation): object {
  const byStatus = Map.groupBy(problemsOf(operation), (code) => problems[code].status);
  const replies = Array.from(byStatus, ([status, codes]) => [
    String(status),
    {
      description: codes.map((code) => `${code}: ${problems[code].title}.`).join(" "),
      content: { [problemMediaType]: { schema: { $ref: "#/components/schemas/Problem" } } },
    },
  ]);
  return Object.fromEntries(replies) as object;
}
