/**
 * Sidecars that are let in by the password of their namespace's user: a Backend of somebody else's etcd without an issuer. The
 * API server, the operator, the etcd and the sidecars are real.
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { switchUsersOn } from "#test/support/etcd-users.ts";
import { operatorNamespace } from "#test/support/kube/operator-role.ts";
import { hold, release, works } from "#test/support/lock-calls.ts";
import type { OperatorProcess } from "#test/support/operator-process.ts";
import { SidecarProcess, type SidecarOptions } from "#test/support/sidecar-process.ts";
import { until } from "#tools/cluster/until.ts";
import { IdentifiedPods } from "./identified-pods.ts";
import { OperatorStage } from "./operator-stage.ts";

const env = { HOLDFAST_ETCD_ADMIN_SECRET: "etcd-admin", HOLDFAST_ETCD_PASSWORDS: "true" };
const secretOf = (namespace: string) => `holdfast-etcd-user.${namespace}`;

describe("an identity that is a password", function () {
  this.timeout(180_000);
  let stage: OperatorStage;
  let pods: IdentifiedPods;
  let operator: OperatorProcess;
  let sidecar: SidecarProcess;
  let settings: SidecarOptions;
  /** Of the sidecar. */
  let state: string;

  before(async () => {
    stage = await OperatorStage.start({ controllerManager: true, etcdArgs: ["--bcrypt-cost=4"] });
    pods = await IdentifiedPods.start(stage.cluster.kubectl);
    await switchUsersOn(stage.raw);
    await stage.backend.secret("etcd-admin", { username: "root", password: "root" });
    for (const namespace of ["shop", "other"])
      await stage.kubectl("create", "namespace", namespace);
    operator = await stage.operator(env);
    await pods.use(operator);
    await pods.pod("app", "shop");
    state = await pods.stateOf("app");
    const token = await pods.token("app", "shop");
    settings = await pods.settings({ token, state, env: { HOLDFAST_IDENTITY_WAIT: "120s" } });
  });
  after(async function () {
    if (this.currentTest?.state === "failed") console.log(operator?.tail(40), sidecar?.tail(40));
    await stage?.[Symbol.asyncDispose]();
    await pods?.[Symbol.asyncDispose]();
  });

  const passwordOf = (namespace: string, than?: string) =>
    until(`another password of ${namespace}`, async () => {
      const password = await stage.backend.passwordOf(namespace);
      return password !== than && password;
    });
  /** As an administrator has it replaced. */
  async function replace(): Promise<string> {
    const former = await passwordOf("shop");
    await stage.kubectl("delete", "secret", secretOf("shop"), "-n", operatorNamespace);
    return passwordOf("shop", former);
  }
  const kept = async (): Promise<{ user: string; password: string }> => {
    const text = await readFile(path.join(state, "identity.json"), "utf8");
    return (JSON.parse(text) as { answer: { user: string; password: string } }).answer;
  };

  it("is waited for until the namespace has its user, and then locks", async () => {
    await using early = await SidecarProcess.launch(settings);
    const { problem } = await early.said("the operator gives no identity yet");
    assert.match(String(problem), /refused: 503: .*has no user in etcd yet/);
    await stage.apply("orders", {}, "shop");
    await early.said("the identity was given");
    await early.said("ready");
    assert.deepEqual(await kept().then(({ user, password }) => [user, password]), [
      "ns:shop",
      await passwordOf("shop"),
    ]);
  });

  describe("once there is one", () => {
    before(async () => {
      sidecar = await SidecarProcess.start(settings);
    });
    after(async () => {
      await sidecar?.[Symbol.asyncDispose]();
    });

    it("is what was kept, and lets a sidecar lock", async () => {
      assert.ok(sidecar.has("the identity that was kept is used"));
      await release(sidecar, await hold(sidecar, "orders/1"));
      const { body } = await sidecar.api.get("/v1/session");
      assert.deepEqual(body["identity"], {});
    });

    it("is asked for anew by a sidecar that runs, when the password is replaced", async () => {
      const next = await replace();
      await sidecar.said("the identity was renewed");
      await works(sidecar, "orders/1");
      assert.equal((await kept()).password, next);
    });

    it("is replaced where somebody changes the password in etcd, and the sidecar comes back", async () => {
      const from = sidecar.mark;
      const former = await passwordOf("shop");
      await stage.raw.call("auth/user/changepw", { name: "ns:shop", password: "guessed" });
      await passwordOf("shop", former);
      await sidecar.said("the identity was renewed", from);
      await works(sidecar, "orders/1");
    });

    it("that was replaced while the container was down is not what it goes on with", async () => {
      await sidecar.kill();
      const former = (await kept()).password;
      const next = await replace();
      assert.notEqual(next, former);
      sidecar = await SidecarProcess.start(settings);
      assert.ok(sidecar.has("the identity that was kept is used"));
      await works(sidecar, "orders/2");
      assert.equal((await kept()).password, next);
    });

    it("lasts while the operator is away", async () => {
      await operator.terminate();
      await release(sidecar, await hold(sidecar, "orders/3"));
      await sidecar.kill();
      sidecar = await SidecarProcess.start(settings);
      await release(sidecar, await hold(sidecar, "orders/3"));
    });
  });
});
