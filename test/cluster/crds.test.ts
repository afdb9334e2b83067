import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { ObjectField } from "#api/fields.ts";
import { specReader } from "#api/resources/kind.ts";
import { kinds } from "#api/resources/kinds.ts";
import { kebab } from "#tools/generate/made.ts";
import type { LightCluster } from "#tools/cluster/light/light-cluster.ts";
import { startWithCrds } from "./crds-applied.ts";

describe("the CRDs on an API server", () => {
  let cluster: LightCluster;

  before(async function () {
    this.timeout(120_000);
    cluster = await startWithCrds();
  });
  // Absent where it could not be started, which has been told then.
  after(() => cluster?.close());

  const columnsOf = (table: string): string[] => (table.split("\n")[0] ?? "").trim().split(/\s+/);

  it("show the columns of a pool under its short name", async () => {
    await cluster.kubectl.run(["apply", "-f", "examples/orders.yaml"]);
    const table = await cluster.kubectl.run(["get", "hflock"]);
    assert.deepEqual(
      columnsOf(table),
      ["NAME", "MODE", "HELD", "WAITING", "OLDEST-WAIT", "READY", "AGE"],
      table,
    );
    assert.match(table, /^orders\s+Mutex\s/m);
  });

  it("are listed by their category", async () => {
    assert.match(
      await cluster.kubectl.run(["get", "holdfast", "-o", "name"]),
      /distributedlock\.holdfast\.dev\/orders/,
    );
  });

  it("take all examples, and fill in what they leave out", async () => {
    await cluster.kubectl.run(["apply", "--server-side", "-f", "examples"]);
    const spec = JSON.parse(
      await cluster.kubectl.run(["get", "hflock", "orders", "-o", "jsonpath={.spec}"]),
    ) as { maxTtl?: string; handover?: { maxCount?: number }; limits?: Record<string, unknown> };
    assert.equal(spec.maxTtl, "1h");
    assert.equal(spec.handover?.maxCount, 16);
    assert.deepEqual(spec.limits?.["waitersPerLock"], 100);
    assert.equal(spec.limits["wait"], "10m");
  });

  it("take the examples of the reference, word for word, with the defaults of our own reader", async () => {
    await cluster.kubectl.run(["create", "namespace", "holdfast-system"]);
    for (const kind of kinds) {
      const page = readFileSync(`docs/reference/${kebab(kind.kind)}.md`, "utf8");
      const [, example] = /^```yaml\n(.+?)^```$/ms.exec(page) ?? [];
      assert.ok(example !== undefined, kind.kind);
      await cluster.kubectl.run(
        ["apply", "--server-side", "--force-conflicts", "-f", "-"],
        example,
      );
      const name = [kind.plural, kind.example.name, "-n", kind.example.namespace ?? "default"];
      const taken = await cluster.kubectl.run(["get", ...name, "-o", "json"]);
      const { spec } = JSON.parse(taken) as { spec: object };
      assert.deepEqual(specReader<ObjectField>(kind)(kind.example.spec, "spec"), {
        ok: true,
        spec,
      });
    }
  });

  it("refuse a field that they do not have, by its name", async () => {
    const misspelt = {
      apiVersion: "holdfast.dev/v1alpha1",
      kind: "DistributedLock",
      metadata: { name: "misspelt" },
      spec: { mode: "Mutex", tll: "30s" },
    };
    const { code, err } = await cluster.kubectl.ask(
      ["create", "-f", "-"],
      JSON.stringify(misspelt),
    );
    assert.notEqual(code, 0);
    assert.match(err, /unknown field "spec\.tll"/);
  });

  it("are explained by kubectl, with what each field is for", async () => {
    const text = await cluster.kubectl.run(["explain", "hflock.spec.limits"]);
    assert.match(text, /Callers that wait for one lock/);
  });
});
