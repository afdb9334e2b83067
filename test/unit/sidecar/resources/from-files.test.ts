import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { lineOf } from "#sidecar/resources/followed-files.ts";
import { readFileContent } from "#sidecar/resources/from-files.ts";

const head = "apiVersion: holdfast.dev/v1alpha1\nkind: DistributedLock\n";

async function read(text: string) {
  const content = await readFileContent("a.yaml", Buffer.from(text), "default");
  const problems = content.entries.flatMap((entry) =>
    entry.kind === "wrong" ? entry.problems.map(lineOf) : [],
  );
  const names = content.entries.flatMap((entry) => (entry.kind === "resource" ? [entry.name] : []));
  return { ...content, problems, names };
}

function lock(name: string, spec = "{mode: Mutex}"): string {
  return `${head}metadata: {name: ${name}}\nspec: ${spec}\n`;
}

describe("a file of resources", () => {
  it("gives each document with its line, and all defaults in", async () => {
    const content = await read(`# mine\n---\n${lock("a")}---\n${lock("b")}...\n---\n# nothing\n`);
    assert.deepEqual(content.names, ["a", "b"]);
    const [first, second] = content.entries;
    assert.equal(first?.line, 3);
    assert.equal(second?.line, 8);
    assert.ok(first?.kind === "resource");
    assert.equal(first.spec.ttl, "30s");
    assert.equal(content.unclear, false);
  });

  it("may be JSON, and may begin with a byte order mark or have Windows line ends", async () => {
    const json = JSON.stringify({
      apiVersion: "holdfast.dev/v1alpha1",
      kind: "DistributedLock",
      metadata: { name: "a" },
      spec: { mode: "Mutex" },
    });
    assert.deepEqual((await read(json)).names, ["a"]);
    assert.deepEqual(
      (await read(`\ufeff${lock("a")}---\n${lock("b")}`.replaceAll("\n", "\r\n"))).names,
      ["a", "b"],
    );
  });

  const wrong: [string, string, RegExp][] = [
    [
      "a wrong field, at its own line",
      `${head}metadata:\n  name: a\nspec:\n  mode: Mutex\n  limits:\n    names: many\n`,
      /^a\.yaml:8: spec\.limits\.names: 'many' is not a whole number; use/,
    ],
    [
      "an unknown field, at its own line",
      `${head}metadata: {name: a}\nspec:\n  mode: Mutex\n  tll: 5s\n`,
      /^a\.yaml:6: spec\.tll: there is no such field; did you mean 'ttl'\?/,
    ],
    [
      "a missing field, where it belongs",
      `${head}metadata: {name: a}\nspec:\n  ttl: 5s\n`,
      /^a\.yaml:4: spec\.mode: is missing/,
    ],
    [
      "a value of later",
      lock("a", "{mode: Semaphore, stickyFor: 2s}"),
      /^a\.yaml:4: spec\.stickyFor: .*not supported yet/,
    ],
    [
      "a rule between fields",
      lock("a", "{mode: Mutex, ttl: 2h}"),
      /^a\.yaml:4: spec\.ttl: is longer than maxTtl/,
    ],
    ["a name that is none", lock("A_b"), /^a\.yaml:3: metadata\.name: 'A_b' is no name/],
    [
      "no name",
      `${head}metadata: {}\nspec: {mode: Mutex}\n`,
      /^a\.yaml:3: metadata\.name: nothing is no name/,
    ],
    [
      "another namespace",
      `${head}metadata: {name: a, namespace: other}\nspec: {mode: Mutex}\n`,
      /^a\.yaml:3: metadata\.namespace: 'other' is not this sidecar's, 'default'/,
    ],
    [
      "a kind of ours that there is not",
      lock("a").replace("DistributedLock", "Lock"),
      /^a\.yaml:2: kind: 'Lock' is not known here/,
    ],
    [
      "a version of ours that there is not",
      lock("a").replace("v1alpha1", "v9"),
      /^a\.yaml:1: apiVersion: 'holdfast\.dev\/v9' is not known here; use 'holdfast\.dev\/v1alpha1'/,
    ],
    [
      "an unknown field beside the spec",
      `${lock("a")}specs: 1\n`,
      /^a\.yaml:5: specs: there is no such field; did you mean 'spec'\?/,
    ],
    [
      "YAML that is none",
      `${head}metadata: {name: a\nspec: [\n`,
      /^a\.yaml:\d: is not valid YAML: /,
    ],
    [
      "a field written twice",
      `${head}metadata: {name: a}\nspec:\n  mode: Mutex\n  mode: Mutex\n`,
      /^a\.yaml:6: is not valid YAML: .*unique/,
    ],
  ];
  for (const [what, text, expected] of wrong) {
    it(`is refused with file, line, field and reason: ${what}`, async () => {
      const content = await read(text);
      assert.match(content.problems[0] ?? "", expected);
      assert.deepEqual(content.names, []);
    });
  }

  it("counts lines from the beginning of the file, not of the document", async () => {
    const content = await read(`${lock("a")}---\n${lock("b", "{mode: No}")}---\n${lock("c")}`);
    assert.match(content.problems[0] ?? "", /^a\.yaml:9: spec\.mode/);
    assert.deepEqual(content.names, ["a", "c"]);
  });

  it("passes by what is somebody else's, without reading it", async () => {
    const content = await read(
      `apiVersion: v1\nkind: ConfigMap\ndata: {x: ${"a".repeat(300_000)}}\n---\n${lock("a")}---\nkind: [broken\n`,
    );
    assert.deepEqual(content.names, ["a"]);
    assert.equal(content.foreign, 2);
    assert.deepEqual(content.problems, []);
  });

  it("survives a bomb of aliases, deep nesting and huge documents, each for itself", async () => {
    const bomb = `${head}metadata: {name: bomb}\nspec:\n  a: &a [x, x, x, x, x, x, x, x, x]\n${"bcdefgh"
      .split("")
      .map((key, i) => {
        const before = "abcdefg".charAt(i);
        return `  ${key}: &${key} [${Array(9).fill(`*${before}`).join(", ")}]\n`;
      })
      .join("")}`;
    const deep = `${head}spec: ${"[".repeat(30_000)}\n`;
    const huge = `${lock("huge")}# ${"x".repeat(40_000)}\n`;
    const content = await read(`${bomb}---\n${deep}---\n${huge}---\n${lock("fine")}`);
    assert.deepEqual(content.names, ["fine"]);
    assert.equal(content.problems.length, 3);
    assert.match(content.problems[0] ?? "", /alias/i);
    assert.match(content.problems[2] ?? "", /more than 32768 characters/);
    assert.equal(content.unclear, true);
  });

  it("is refused as a whole when it is no text", async () => {
    const content = await readFileContent("a.yaml", Buffer.from([0xff, 0xfe, 0x00]), "default");
    assert.equal(content.unclear, true);
  });

  it("reads thousands of documents without stopping the event loop", async () => {
    const text = Array.from({ length: 3_000 }, (_, i) => lock(`a${String(i)}`)).join("---\n");
    let turns = 0;
    const turn = (): void => {
      turns++;
      next = setImmediate(turn);
    };
    let next = setImmediate(turn);
    const content = await read(text);
    clearImmediate(next);
    assert.equal(content.names.length, 3_000);
    assert.ok(turns >= 1_000, String(turns));
  });
});
