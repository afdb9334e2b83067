import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { duration, flag, httpUrls, integer, label, list, text } from "#host/option-kinds.ts";
import { helpText, OptionsRefused, readOptions } from "#host/options.ts";

const table = {
  endpoints: {
    env: "HOLDFAST_ETCD_ENDPOINTS",
    default: "http://127.0.0.1:2379",
    prose: "Where etcd is.",
    unit: "urls",
    parse: httpUrls,
  },
  ttl: {
    env: "HOLDFAST_SESSION_TTL",
    default: "10s",
    prose: "How long.",
    unit: "duration",
    parse: duration({ minMs: 3_000, maxMs: 60_000 }),
  },
  resources: {
    env: "HOLDFAST_RESOURCES",
    default: undefined,
    prose: "Files.",
    unit: "path",
    parse: text,
  },
  strict: {
    env: "HOLDFAST_STRICT",
    default: "false",
    prose: "Strict.",
    unit: "true|false",
    bare: "true",
    parse: flag,
  },
} as const;

function valuesOf(args: string[], env: Record<string, string> = {}) {
  const read = readOptions(table, { args, env });
  assert.ok(read.kind === "values");
  return read.values;
}

function refusalOf(args: string[], env: Record<string, string> = {}): string {
  try {
    readOptions(table, { args, env });
  } catch (error) {
    assert.ok(error instanceof OptionsRefused);
    return error.message;
  }
  return assert.fail("the options were taken");
}

describe("options", () => {
  it("are their defaults, and absent where there is none", () => {
    const values = valuesOf([]);
    assert.deepEqual(values.endpoints, ["http://127.0.0.1:2379"]);
    assert.equal(values.ttl, 10_000);
    assert.equal(values.resources, undefined);
    assert.equal(values.strict, false);
  });

  it("come from the environment, and a flag goes before it", () => {
    const env = { HOLDFAST_SESSION_TTL: "20s", HOLDFAST_RESOURCES: "" };
    assert.equal(valuesOf([], env).ttl, 20_000);
    assert.equal(valuesOf([], env).resources, undefined);
    assert.equal(valuesOf(["--session-ttl", "30s"], env).ttl, 30_000);
    assert.equal(valuesOf(["--session-ttl=40s"], env).ttl, 40_000);
  });

  it("take a flag that stands alone, before another one too", () => {
    assert.equal(valuesOf(["--strict"]).strict, true);
    assert.equal(valuesOf(["--strict", "false"]).strict, false);
    const both = valuesOf(["--strict", "--session-ttl", "5s"]);
    assert.deepEqual([both.strict, both.ttl], [true, 5_000]);
  });

  it("name each wrong one and what is wrong with it, all at once", () => {
    const said = refusalOf(["--session-ttl", "1s"], { HOLDFAST_STRICT: "yes" });
    assert.match(said, /--session-ttl: '1s' is less than 3s/);
    assert.match(said, /HOLDFAST_STRICT: 'yes' is neither true nor false/);
  });

  it("refuse an unknown flag with the nearest that there is", () => {
    assert.match(
      refusalOf(["--sesion-ttl=5s"]),
      /--sesion-ttl: no such option; did you mean --session-ttl\?/,
    );
    assert.match(refusalOf(["serve"]), /'serve': no such argument/);
  });

  it("refuse a flag without its value, and one given twice", () => {
    assert.match(refusalOf(["--session-ttl"]), /--session-ttl: needs a value \(duration\)/);
    assert.match(refusalOf(["--session-ttl", "--strict"]), /--session-ttl: needs a value/);
    assert.match(refusalOf(["--session-ttl=5s", "--session-ttl=6s"]), /given twice/);
  });

  it("name variables that look like ours, but not those that Kubernetes sets for a Service", () => {
    const env = {
      HOLDFAST_SESION_TTL: "5s",
      HOLDFAST_SERVICE_HOST: "10.0.0.1",
      HOLDFAST_PORT_4657_TCP_ADDR: "10.0.0.1",
      HOME: "/root",
    };
    const read = readOptions(table, { args: [], env });
    assert.ok(read.kind === "values");
    assert.deepEqual(read.unknownVariables, [
      "HOLDFAST_SESION_TTL is no option of this process; did you mean HOLDFAST_SESSION_TTL?",
    ]);
  });

  it("are all listed by --help, with unit, default and variable", () => {
    assert.equal(
      readOptions(table, { args: ["--session-ttl", "nonsense", "--help"], env: {} }).kind,
      "help",
    );
    const help = helpText("holdfast", "purpose", table);
    assert.match(
      help,
      /--session-ttl <duration>\n {6}How long\.\n {6}HOLDFAST_SESSION_TTL; default: 10s/,
    );
    assert.match(help, /HOLDFAST_RESOURCES; default: none/);
  });
});

describe("kinds of options", () => {
  const refused: [string, (value: string) => unknown, string][] = [
    ["an endpoint without a scheme", httpUrls, "127.0.0.1:2379"],
    ["an endpoint with a path", httpUrls, "http://a:1/v3"],
    ["an empty part of a list", list, "a,,b"],
    ["a namespace in capitals", label, "Default"],
    ["a namespace of 64 characters", label, "a".repeat(64)],
    ["a number with a sign", integer({ min: 0, max: 9 }), "-1"],
    ["a number too large", integer({ min: 0, max: 9 }), "10"],
    ["a duration without a unit", duration({ minMs: 0, maxMs: 10 }), "5"],
    ["only blanks", text, "  "],
  ];
  for (const [what, parse, value] of refused) {
    it(`refuse ${what}`, () => {
      assert.throws(() => parse(value), { name: "OptionProblem" });
    });
  }
});
