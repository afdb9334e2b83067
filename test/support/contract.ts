/**
 * Holds every answer of a sidecar against its OpenAPI document and the table of problems: status, content type, body,
 * and no field that is not declared. Tests do not ask for it: the client of every sidecar process does it.
 */
import assert from "node:assert/strict";
import { Ajv2020, type AnySchema, type ValidateFunction } from "ajv/dist/2020.js";
import { openapi } from "#api/generated/openapi.ts";
import { mayPass, problemFacts, problemType } from "#api/operations/problem-body.ts";
import type { OperationId } from "#api/operations/operations.ts";
import { route } from "#api/operations/route.ts";
import { problems, type ProblemCode } from "#api/problems.ts";
import type { Answer, Asked } from "./http-client.ts";

type Json = Readonly<Record<string, unknown>>;

interface Response {
  readonly content?: Readonly<
    Record<
      string,
      {
        readonly schema: AnySchema;
        readonly "x-events"?: Readonly<Record<string, { readonly schema: AnySchema }>>;
      }
    >
  >;
}

interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, Response>>;
}

const contract = closed(openapi) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Json;
};

const byId = new Map(
  Object.values(contract.paths)
    .flatMap((methods) => Object.values(methods))
    .map((operation) => [operation.operationId, operation]),
);

const ajv = new Ajv2020({ strict: false, validateFormats: true });
ajv.addFormat("date-time", (text: string) => new Date(text).toISOString() === text);
ajv.addFormat("int32", { type: "number", validate: Number.isInteger });
ajv.addFormat("int64", { type: "number", validate: Number.isSafeInteger });
ajv.addSchema({ $id: "contract", components: contract.components });
const compiled = new Map<AnySchema, ValidateFunction>();

/** The operation that a request is for; undefined: the path or the method is none. */
export function operationOf({ method, path }: Asked): OperationId | undefined {
  const found = route(method === "HEAD" ? "GET" : method, path.split("?", 1)[0] ?? "");
  return found.kind === "operation" ? found.id : undefined;
}

/** Statuses that the contract promises for an operation. */
export function statusesOf(id: OperationId): readonly number[] {
  return Object.keys(byId.get(id)?.responses ?? {}).map(Number);
}

export const operationIds = [...byId.keys()] as readonly OperationId[];

/** Throws where the answer is not as promised. */
export function check(asked: Asked, seen: Answer): void {
  const id = operationOf(asked);
  const told = `${asked.method} ${asked.path} → ${seen.status} ${seen.text}`;
  if (seen.status >= 400) checkProblem(seen, told);
  if (id === undefined) return;
  const response = byId.get(id)?.responses[String(seen.status)];
  assert(response !== undefined, `${id} does not document this status: ${told}`);
  if (response.content === undefined) {
    assert.equal(seen.text, "", `${id} documents no body: ${told}`);
    return;
  }
  const type = (seen.headers["content-type"] ?? "").split(";")[0] ?? "";
  const content = response.content[type];
  assert(content !== undefined, `${id} does not document ${type}: ${told}`);
  if (asked.method === "HEAD") return;
  const value = type.endsWith("json") ? seen.body : seen.text;
  const validate = validatorOf(content.schema);
  assert(validate(value), `${id}: ${ajv.errorsText(validate.errors)}: ${told}`);
}

/** Throws where the event is not as promised. */
export function checkEvent(asked: Asked, event: string, data: unknown): void {
  const id = operationOf(asked);
  const told = `${asked.method} ${asked.path} → ${event} ${JSON.stringify(data)}`;
  assert(id !== undefined, told);
  const content = byId.get(id)?.responses["200"]?.content?.["text/event-stream"];
  const schema = content?.["x-events"]?.[event]?.schema;
  assert(schema !== undefined, `${id} does not document this event: ${told}`);
  const validate = validatorOf(schema);
  assert(validate(data), `${id}: ${ajv.errorsText(validate.errors)}: ${told}`);
}

function validatorOf(schema: AnySchema): ValidateFunction {
  let validate = compiled.get(schema);
  if (validate === undefined) {
    const text = JSON.stringify(schema).replaceAll("#/components", "contract#/components");
    validate = ajv.compile(JSON.parse(text) as AnySchema);
    compiled.set(schema, validate);
  }
  return validate;
}

const membersOfAll = ["type", "title", "status", "detail", "code"];

function checkProblem({ status, headers, body }: Answer, told: string): void {
  assert.equal(headers["content-type"], "application/problem+json", told);
  const code = body["code"] as ProblemCode;
  assert(Object.hasOwn(problems, code), `no such problem: ${told}`);
  assert.equal(problems[code].status, status, told);
  assert.equal(body["status"], status, told);
  assert.equal(body["title"], problems[code].title, told);
  assert.equal(body["type"], problemType(code), told);
  assert.ok(String(body["detail"]).length > 10, told);
  const facts = problemFacts[code] ?? {};
  const known = [...membersOfAll, ...Object.keys(facts)];
  const strange = Object.keys(body).filter((name) => !known.includes(name));
  assert.deepEqual(strange, [], `${code} has facts that are not declared: ${told}`);
  for (const [name, { presence }] of Object.entries(facts))
    assert(presence !== "required" || body[name] !== undefined, `${code} lacks ${name}: ${told}`);
  if (mayPass(code, body)) assert.match(String(headers["retry-after"]), /^\d+$/, told);
  else assert.equal(headers["retry-after"], undefined, told);
}

/** Clients must pass over what they do not know; the server must not answer what it does not declare. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const made = Object.fromEntries(Object.entries(schema).map(([name, it]) => [name, closed(it)]));
  const isOpen = "additionalProperties" in made;
  return "properties" in made && made["type"] === "object" && !isOpen
    ? { ...made, additionalProperties: false }
    : made;
}
