import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { makeClient } from "#tools/generate/client.ts";
import { makeConditions } from "#tools/generate/conditions.ts";
import { parseOf } from "#host/options.ts";
import { makeCrds } from "#tools/generate/crds.ts";
import { makeKinds } from "#tools/generate/kinds.ts";
import { kebab, type Made } from "#tools/generate/made.ts";
import { makeMetrics } from "#tools/generate/metrics.ts";
import { makeOpenapi } from "#tools/generate/openapi.ts";
import { makeOptions, tableOf } from "#tools/generate/options.ts";
import { makeReference } from "#tools/generate/reference.ts";

const project = join(import.meta.dirname, "../../../..");

describe("what is generated", () => {
  const makers: Readonly<Record<string, () => Promise<Made>>> = {
    makeCrds,
    makeOpenapi,
    makeClient,
    makeReference,
    makeOptions,
    makeKinds,
    makeConditions,
    makeMetrics,
  };
  for (const [name, make] of Object.entries(makers)) {
    it(`by ${name} lies in the project as it is made now, and is made the same twice`, async () => {
      const made = await make();
      assert.deepEqual(await make(), made);
      for (const [path, text] of made) {
        assert.equal(
          await readFile(join(project, path), "utf8"),
          text,
          `${path} is stale: make generate`,
        );
      }
    });

    it(`by ${name} says what it is made from`, async () => {
      for (const [path, text] of await make()) {
        const sources = /Made from (.+?) by `make generate`\. Do not edit\./.exec(
          text.slice(0, 400),
        )?.[1];
        assert.ok(sources !== undefined, path);
        for (const source of sources.split(" and ")) await assertExists(source);
      }
    });
  }

  it("shows an option with its variable, flag, range and default", () => {
    const parse = (text: string) => text;
    const named = parseOf("a or b", parse);
    const table = tableOf({
      name: { env: "HOLDFAST_NAME", default: "a|b", prose: "A name.", unit: "text", parse: named },
      file: { env: "HOLDFAST_CA_FILE", default: undefined, prose: "A file.", unit: "file", parse },
    });
    assert.deepEqual(table.split("\n").slice(2), [
      "| `HOLDFAST_NAME` | `--name` | text | a or b | `a\\|b` | A name. |",
      "| `HOLDFAST_CA_FILE` | `--ca-file` | file | – | – | A file. |",
    ]);
  });

  it("bears names as files have them", () => {
    assert.deepEqual(["Cache", "DistributedLock"].map(kebab), ["cache", "distributed-lock"]);
  });
});

async function assertExists(source: string): Promise<void> {
  await stat(join(project, source));
}
