/** An operator that serves some namespaces, under a role that reaches no others. */
import assert from "node:assert/strict";
import { injectLabel } from "#api/names.ts";
import { accessName } from "#operator/etcd-admin/namespace-access.ts";
import { rootUser, switchUsersOn } from "#test/support/etcd-users.ts";
import {
  operatorKubeconfig,
  operatorNamespace,
  operatorPermissions,
  operatorWebhooks,
} from "#test/support/kube/operator-role.ts";
import { unusedRights } from "#test/support/kube/used-rules.ts";
import { firstOf } from "#test/support/logged-process.ts";
import type { OperatorProcess } from "#test/support/operator-process.ts";
import { until } from "#tools/cluster/until.ts";
import { OperatorStage } from "./operator-stage.ts";
import { configureWebhooks, tryPod } from "./webhooks-configured.ts";

const served = ["a", "b"];
const looks = 'controller_runtime_reconcile_total{controller="backend",result="requeue_after"}';
const locksHeld = 'holdfast_kube_objects{resource="distributedlocks.holdfast.dev"}';

describe("an operator of some namespaces", function () {
  this.timeout(180_000);
  let stage: OperatorStage;
  let operator: OperatorProcess;

  before(async () => {
    const etcdArgs = ["--bcrypt-cost=4"];
    stage = await OperatorStage.start({ controllerManager: true, served, etcdArgs });
    await switchUsersOn(stage.raw);
    await stage.kubectl("create", "namespace", "c");
    await stage.backend.secret("etcd-admin", { username: "root", password: rootUser.password });
    // Made first: what is not seen of it is not merely not seen yet.
    await stage.apply("orders", {}, "c");
    operator = await stage.operator(env(served));
  });
  after(async function () {
    if (this.currentTest?.state === "failed") console.log(operator.tail(60));
    await stage[Symbol.asyncDispose]();
  });

  const env = (names: readonly string[]) => ({
    HOLDFAST_NAMESPACES: names.join(","),
    HOLDFAST_ETCD_ADMIN_SECRET: "etcd-admin",
    HOLDFAST_ETCD_PASSWORDS: "true",
    HOLDFAST_WEBHOOK_CONFIGURATION: operatorWebhooks,
  });
  const asRoot = () => stage.raw.login(rootUser.user, rootUser.password);
  const users = async (): Promise<string[]> => {
    await asRoot();
    const { users: names } = await stage.raw.call("auth/user/list");
    return (names as string[]).filter((name) => name.startsWith("ns:")).sort();
  };
  const twoLooks = async (of: OperatorProcess) => {
    const count = async () => (await of.metric(looks)) ?? 0;
    const before = await count();
    await until("two looks", async () => (await count()) >= before + 2);
  };

  it("publishes what stands in them, makes their users, and counts the pools of all", async () => {
    for (const namespace of served) {
      await stage.apply("orders", {}, namespace);
      await stage.ready("orders", namespace);
    }
    for (const namespace of served)
      await until(`the Secret of ${namespace}`, () => stage.backend.passwordOf(namespace));
    await stage.backend.says("Ready", "True Ready");
    assert.equal(await operator.metric(locksHeld), 2);
  });

  it("refuses a sidecar to pods of others, whose namespaces it does not read", async () => {
    await configureWebhooks(stage, firstOf((await operator.said("listening"))["webhooks"]));
    const labels = { [injectLabel]: "enabled" };
    const said = (namespace: string, words: RegExp) =>
      until("the API server to ask", async () =>
        words.test(await tryPod(stage, { namespace, labels })),
      );
    await said("a", /denied the request: .*HOLDFAST_SIDECAR_IMAGE/s);
    await said("c", /denied the request: The operator does not serve the namespace 'c'/s);
    await said("b", /denied the request: .*HOLDFAST_SIDECAR_IMAGE/s);
    await stage.kubectl("delete", "mutatingwebhookconfiguration", operatorWebhooks);
  });

  it("sees nothing of another", async () => {
    await twoLooks(operator);
    await asRoot();
    assert.equal((await stage.lock("orders", "c")).status, undefined);
    assert.equal(await stage.record("orders", "c"), undefined);
    assert.deepEqual(await users(), served.map(accessName));
  });

  it("counts pods that run without their sidecar in them, and in no other", async () => {
    const pod = (namespace: string) => {
      const metadata = { name: "early", namespace, labels: { [injectLabel]: "enabled" } };
      const spec = { containers: [{ name: "app", image: "app" }] };
      const manifest = { apiVersion: "v1", kind: "Pod", metadata, spec };
      return stage.cluster.kubectl.run(["apply", "-f", "-"], JSON.stringify(manifest));
    };
    for (const namespace of ["c", "b", "a"]) await pod(namespace);
    const missing = (namespace: string) =>
      operator.metric(`holdfast_pods_to_restart{pod_namespace="${namespace}",reason="Missing"}`);
    for (const namespace of served)
      await until(`the pod of ${namespace}`, async () => (await missing(namespace)) === 1);
    assert.equal(await missing("c"), undefined);
  });

  it("says of a Backend in one of them that it is not used", async () => {
    const elsewhere = { name: "default", namespace: "a" };
    await stage.backend.put({ external: { endpoints: [stage.etcd.endpoint] } }, elsewhere);
    const { message } = await stage.backend.says(
      "Accepted",
      "False BackendNotSupported",
      elsewhere,
    );
    assert.match(message, new RegExp(`in namespace '${operatorNamespace}'`));
  });

  it("takes the user of one away that is deleted", async () => {
    // What a namespace holds goes in any order: here the operator's rights go first, for certain.
    await stage.kubectl("delete", "rolebinding", "holdfast-operator", "-n", "b");
    await stage.kubectl("delete", "namespace", "b", "--timeout=100s");
    await until(
      "the end of the Secret",
      async () => (await stage.backend.passwordOf("b")) === undefined,
    );
    await asRoot();
    await stage.collected("orders", "b");
    assert.deepEqual(await users(), [accessName("a")]);
  });

  it("needs each of its rights, and no other", async () => {
    await asRoot();
    await stage.drift("orders", "a");
    await stage.drift("orders", "a");
    await stage.kubectl("delete", "hflock", "orders", "-n", "a");
    await stage.collected("orders", "a");
    await stage.apply("orders", {}, "a");
    await stage.ready("orders", "a");
    await until("an Event to be repeated", async () =>
      (await stage.cluster.audited()).some(
        ({ resource, verb, namespace }) =>
          resource === "events" && verb === "patch" && namespace === "a",
      ),
    );
    const requests = await stage.cluster.audited();
    const unused = unusedRights(operatorPermissions(served), served, requests);
    // What only certificates, and an etcd that the operator runs, need: operator-backend.test.ts.
    const others =
      /tokenreviews|update secrets|own \w+ (statefulsets|services|pods|persistentvolumeclaims)$/;
    assert.deepEqual(
      unused.filter((right) => !others.test(right)),
      [],
    );
    // With the namespace went the Role in it.
    assert.deepEqual(
      requests.filter(({ code, namespace }) => code === 403 && namespace !== "b"),
      [],
    );
  });

  it("begins with the others where one of them is not there, and goes on with it when it is", async () => {
    await operator.terminate();
    operator = await stage.operator(env(served));
    await stage.apply("more", {}, "a");
    await stage.ready("more", "a");
    assert.equal((await operator.health.get("/startupz")).status, 200);
    await stage.kubectl("create", "namespace", "b");
    await operatorKubeconfig(stage.cluster, served);
    await stage.apply("again", {}, "b");
    await stage.ready("again", "b");
    await until("the Secret of b", () => stage.backend.passwordOf("b"));
  });

  it("leaves what one has that is served no more", async () => {
    await operator.terminate();
    await stage.kubectl("create", "namespace", "d");
    const kubeconfig = await operatorKubeconfig(stage.cluster, ["d"]);
    operator = await stage.operator({ ...env(["d"]), HOLDFAST_KUBECONFIG: kubeconfig });
    await operator.said("leading");
    await stage.apply("orders", {}, "d");
    await stage.ready("orders", "d");
    await until("the Secret of d", () => stage.backend.passwordOf("d"));
    await twoLooks(operator);
    assert.deepEqual(await users(), ["a", "b", "d"].map(accessName));
    assert.ok((await stage.record("orders", "a")) !== undefined);
  });
});
