import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import { openapi } from "#api/generated/openapi.ts";
import { operations } from "#api/operations/operations.ts";
import { problemBody } from "#api/operations/problem-body.ts";
import { problems, type ProblemCode } from "#api/problems.ts";
import { openapiDocument } from "#tools/generate/openapi.ts";

type Node = Readonly<Record<string, unknown>>;
const document = openapiDocument() as {
  readonly paths: Readonly<Record<string, Node>>;
  readonly components: { readonly schemas: Node };
};

function operation(path: string, method: string): Node {
  return document.paths[path]?.[method] as Node;
}

describe("the OpenAPI document", () => {
  it("is what the sidecar serves", () => {
    assert.deepEqual(openapi, JSON.parse(JSON.stringify(document)));
  });

  it("has every operation once, with the parameters that its path names", () => {
    const ids: unknown[] = [];
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const one of Object.values(methods) as Node[]) {
        ids.push(one["operationId"]);
        const parameters = one["parameters"] as Node[];
        const inPath = parameters.filter((parameter) => parameter["in"] === "path");
        const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
        assert.deepEqual(
          inPath.map(({ name }) => name),
          named,
        );
      }
    }
    assert.deepEqual(ids.sort(), Object.keys(operations).sort());
  });

  it("refers only to what it holds", () => {
    for (const [, name] of JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g)) {
      assert.ok(name !== undefined && name in document.components.schemas, name);
    }
  });

  it("promises no more than this version serves", () => {
    const acquire = operation("/v1/locks/{pool}/{name}/acquire", "post");
    const parameters = acquire["parameters"] as Node[];
    const enums = parameters.map(({ name, schema }) => [name, (schema as Node)["enum"]]);
    const narrowed = Object.fromEntries(enums.filter(([, values]) => values !== undefined)) as Node;
    assert.deepEqual(narrowed, {
      mode: ["exclusive", "shared"],
      hold: ["ttl", "session", "connection"],
    });
  });

  const ajv = new Ajv2020({
    strict: false,
    formats: { int32: true, int64: true, "date-time": true },
  });
  ajv.addSchema({ $id: "api", ...document });

  it("holds schemas that a validator takes", () => {
    for (const name of Object.keys(document.components.schemas)) {
      assert.ok(ajv.getSchema(`api#/components/schemas/${name}`), name);
    }
  });

  it("describes every problem that can be answered", () => {
    const valid = ajv.getSchema("api#/components/schemas/Problem");
    for (const code of Object.keys(problems) as ProblemCode[]) {
      assert.ok(valid?.(problemBody(code, "Detail.")), code);
    }
    assert.equal(valid?.({ ...problemBody("internal", "Detail."), code: "unheard_of" }), false);
  });
});
