import assert from "node:assert/strict";
import { Ajv } from "ajv";
import { parse } from "yaml";
import { parseDistributedLockSpec } from "#api/resources/distributed-lock.ts";
import { makeCrds } from "#tools/generate/crds.ts";
import { structuralFaults } from "./structural-schema.ts";

type Schema = Readonly<Record<string, unknown>>;

interface Crd {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly names: Readonly<Record<string, unknown>>;
    readonly scope: string;
    readonly versions: readonly {
      readonly subresources: object;
      readonly additionalPrinterColumns: readonly { readonly name: string }[];
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

async function locks(): Promise<Crd> {
  const made = await makeCrds();
  const yaml = made.get("crds/holdfast.dev_distributedlocks.yaml");
  assert.ok(yaml !== undefined);
  return parse(yaml) as Crd;
}

async function schema(): Promise<Schema> {
  const [version] = (await locks()).spec.versions;
  assert.ok(version !== undefined);
  return version.schema.openAPIV3Schema;
}

function at(from: Schema, ...path: string[]): Schema {
  return path.reduce((node, name) => (node["properties"] as Schema)[name] as Schema, from);
}

describe("the CRD of DistributedLock", () => {
  it("is structural", async () => {
    assert.deepEqual(structuralFaults(await schema()), []);
  });

  it("bears the names of its kind, and shows what is asked at night", async () => {
    const { metadata, spec } = await locks();
    assert.equal(metadata.name, "distributedlocks.holdfast.dev");
    assert.equal(spec.scope, "Namespaced");
    assert.deepEqual(spec.names["shortNames"], ["hflock"]);
    assert.deepEqual(spec.names["categories"], ["holdfast"]);
    const [version] = spec.versions;
    assert.deepEqual(version?.subresources, { status: {} });
    const columns = version?.additionalPrinterColumns.map(({ name }) => name.toUpperCase());
    assert.deepEqual(columns, ["MODE", "HELD", "WAITING", "OLDEST-WAIT", "READY", "AGE"]);
  });

  it("describes the kind in full, also what this version refuses", async () => {
    const root = await schema();
    assert.deepEqual(at(root, "spec", "mode")["enum"], ["Mutex", "ReadWrite", "Semaphore"]);
    assert.equal(at(root, "spec", "permits")["maximum"], 1_000_000);
    assert.ok(at(root, "spec", "backendRef", "name"));
  });

  it("fixes the mode and nothing else", async () => {
    const text = JSON.stringify(await schema());
    assert.equal(text.split("oldSelf").length - 1, 1);
    assert.match(JSON.stringify(at(await schema(), "spec", "mode")), /self == oldSelf/);
  });

  it("fills in the same defaults as the reader", async () => {
    const ajv = new Ajv({
      useDefaults: true,
      strict: false,
      formats: { int32: true, int64: true, "date-time": true },
    });
    const spec = { mode: "Mutex" };
    assert.ok(ajv.validate(at(await schema(), "spec"), spec), ajv.errorsText());
    assert.deepEqual(parseDistributedLockSpec({ mode: "Mutex" }, "spec"), { ok: true, spec });
  });

  it("lets no condition stand twice", async () => {
    const conditions = at(await schema(), "status", "conditions");
    assert.equal(conditions["x-kubernetes-list-type"], "map");
    assert.deepEqual(conditions["x-kubernetes-list-map-keys"], ["type"]);
  });
});

describe("the check of structural schemas", () => {
  const text = { type: "string" };
  const faulty: readonly (readonly [string, Schema, RegExp])[] = [
    ["no type", {}, /has no type/],
    ["alternatives", { type: "string", anyOf: [text] }, /'anyOf' is not structural/],
    [
      "a type inside alternatives",
      { type: "object", properties: { a: { anyOf: [text] } } },
      /\.a: has no type/,
    ],
    ["a union of literals", { type: "string", const: "a" }, /'const'/],
    [
      "both sorts of properties",
      { type: "object", properties: {}, additionalProperties: text },
      /exclude/,
    ],
    ["properties of a text", { type: "string", properties: {} }, /only an object/],
    ["an array of nothing", { type: "array" }, /an array has items/],
    [
      "a list-map without its key",
      {
        type: "array",
        items: { type: "object" },
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["a"],
      },
      /key 'a'/,
    ],
    ["a wrong default", { type: "integer", minimum: 3, default: 2 }, /default of : does not fit/],
    [
      "a default that is no choice",
      { type: "string", enum: ["a"], default: "b" },
      /none of the choices/,
    ],
    [
      "a default that lacks a field",
      { type: "object", required: ["a"], properties: { a: text }, default: {} },
      /'a' is lacking/,
    ],
    ["a requirement of nothing", { type: "object", required: ["a"] }, /requires 'a'/],
    ["a pattern of JavaScript's", { type: "string", pattern: "^(?!a)\\u0041" }, /Go cannot read/],
    [
      "a rule without bound",
      { type: "string", "x-kubernetes-validations": [{ rule: "self == ''", message: "m" }] },
      /without bound/,
    ],
    [
      "a rule of nothing",
      { type: "integer", "x-kubernetes-validations": [{ rule: "true", message: "m" }] },
      /nothing of self/,
    ],
    ["an unknown word", { type: "string", title: "x" }, /'title' is not known/],
  ];
  for (const [what, root, fault] of faulty) {
    it(`finds ${what}`, () => {
      assert.match(structuralFaults(root).join("\n"), fault);
    });
  }
});
