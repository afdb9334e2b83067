/** A leader that cannot read the Backends: it does not keep resources waiting without a word. */
import assert from "node:assert/strict";
import { until } from "#tools/cluster/until.ts";
import { OperatorStage } from "./operator-stage.ts";

describe("an operator that may not read Backends", function () {
  this.timeout(180_000);
  let stage: OperatorStage;

  before(async () => {
    stage = await OperatorStage.start();
  });
  after(() => stage?.[Symbol.asyncDispose]());

  it("tells resources that etcd was not asked, and publishes them when it may", async () => {
    const args = ["clusterrole", "holdfast-operator"];
    const role = await stage.kubectl("get", ...args, "-o", "json");
    const { rules } = JSON.parse(role) as { rules: { resources: string[] }[] };
    const without = rules.filter(({ resources }) => !resources.includes("backends"));
    assert.ok(without.length < rules.length);
    const patch = (these: object[]) =>
      stage.kubectl("patch", ...args, "--type=merge", "-p", JSON.stringify({ rules: these }));
    await patch(without);
    await until("the role to be read", async () => {
      const who = "--as=system:serviceaccount:holdfast-system:holdfast-operator";
      const can = ["auth", "can-i", "list", "backends.holdfast.dev", who];
      return (await stage.cluster.kubectl.ask(can)).out.trim() === "no";
    });
    await stage.apply("orders");
    await using operator = await stage.operator();
    const { message } = await stage.reason("orders", "BackendReachable", "Connecting");
    assert.match(message, /etcd was not asked yet/);
    assert.equal((await stage.condition("orders", "Ready"))?.status, "Unknown");
    await patch(rules);
    await stage.ready("orders");
    assert.ok(operator.has("it is not known yet which etcd is used"));
  });
});
