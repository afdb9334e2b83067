/** The operator's process and its Backend, under its own role, on an etcd with users. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { accessName } from "#operator/etcd-admin/namespace-access.ts";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { EtcdGateway } from "#test/support/etcd-gateway.ts";
import { base64, Intruder, rootUser, switchUsersOn } from "#test/support/etcd-users.ts";
import { askIdentity } from "#test/support/identity-asker.ts";
import { operatorNamespace, operatorPermissions } from "#test/support/kube/operator-role.ts";
import { unusedRights } from "#test/support/kube/used-rules.ts";
import { hold, release } from "#test/support/lock-calls.ts";
import { firstOf } from "#test/support/logged-process.ts";
import type { OperatorProcess } from "#test/support/operator-process.ts";
import { until } from "#tools/cluster/until.ts";
import { OperatorStage, recordKeyOf } from "./operator-stage.ts";

const mebibyte = 1024 * 1024;
const looks = 'controller_runtime_reconcile_total{controller="backend",result="requeue_after"}';
const admin = { HOLDFAST_ETCD_ADMIN_SECRET: "etcd-admin", HOLDFAST_ETCD_PASSWORDS: "true" };

describe("the operator's Backend", function () {
  this.timeout(180_000);
  let stage: OperatorStage;
  let operator: OperatorProcess;
  let folder: string;
  /** Without users; nobody's until the Backend names it. */
  let other: EtcdServer;

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "holdfast-passwords-"));
    stage = await OperatorStage.start({ controllerManager: true, etcdArgs: ["--bcrypt-cost=4"] });
    other = await EtcdServer.start({ noFsync: true, quotaBytes: 16 * mebibyte });
    await switchUsersOn(stage.raw);
    operator = await stage.operator(admin);
    await stage.apply("orders");
  });
  after(async function () {
    if (this.currentTest?.state === "failed") console.log(operator.tail(60));
    await stage[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const usable = () => ({
    external: {
      endpoints: [stage.etcd.endpoint],
      adminSecret: { name: "etcd-admin" },
      passwords: true,
    },
  });
  const asRoot = () => stage.raw.login(rootUser.user, rootUser.password);
  const users = async (): Promise<string[]> => {
    await asRoot();
    return (await stage.raw.call("auth/user/list"))["users"] as string[];
  };
  const passwordOf = (namespace: string) =>
    until(`the Secret of ${namespace}`, () => stage.backend.passwordOf(namespace));
  const namespaceWithPool = async (namespace: string) => {
    await stage.kubectl("create", "namespace", namespace);
    await stage.apply("orders", {}, namespace);
  };

  it("is made from the options, word for word, and names the Secret that is missing", async () => {
    const { message } = await stage.backend.says("Reachable", "False SecretMissing");
    assert.match(message, /'etcd-admin' of spec\.external\.adminSecret\.name is not there/);
    assert.deepEqual((await stage.backend.get()).spec, {
      type: "etcd",
      external: {
        endpoints: [stage.etcd.endpoint],
        adminSecret: { name: "etcd-admin" },
        passwords: true,
        maintenance: false,
      },
      limits: {},
    });
    const seen = await stage.reason("orders", "BackendReachable", "Unreachable");
    assert.match(seen.message, /cannot connect to etcd: The Secret 'etcd-admin'/);
    assert.equal((await stage.condition("orders", "Accepted"))?.status, "True");
  });

  it("is Ready when the Secret is there, with all of kubectl's columns, and so are the pools", async () => {
    await stage.backend.secret("etcd-admin", { username: "root", password: rootUser.password });
    await stage.backend.says("Ready", "True Ready");
    await stage.backend.says("Isolated", "True Isolated");
    await stage.ready("orders");
    const table = await stage.kubectl("get", "hfbackend", "-n", operatorNamespace);
    assert.match(table, /^NAME\s+TYPE\s+VERSION\s+MEMBERS\s+READY\s+AGE$/m);
    assert.match(table, /^default\s+etcd\s+3\.7\.\d+\s+1\s+True\s+\d+\w+$/m);
    const { status } = await until("the quota", async () => {
      const seen = await stage.backend.get();
      return (seen.status?.quotaBytes ?? 0) > 0 && seen;
    });
    assert.ok((status?.sizeBytes ?? 0) > 0);
  });

  it("gives a namespace a user that sidecars come with, and that reaches nothing else", async () => {
    await namespaceWithPool("shop");
    const file = path.join(folder, "shop");
    await writeFile(file, await passwordOf("shop"));
    const sidecar = await stage.sidecar("shop", "app-1", {
      HOLDFAST_ETCD_USERNAME: accessName("shop"),
      HOLDFAST_ETCD_PASSWORD_FILE: file,
    });
    await sidecar.said("ready");
    await release(sidecar, await until("a grant", () => hold(sidecar, "orders/1")));
    await sidecar.terminate();
    const { endpoint } = stage.etcd;
    const shop = await Intruder.login(endpoint, accessName("shop"), await passwordOf("shop"));
    const read = { key: base64(recordKeyOf("orders")) };
    assert.match((await shop.refused("kv/range", read)) ?? "", /permission denied/);
  });

  it("gives a namespace called root a user that is not etcd's root", async () => {
    await namespaceWithPool("root");
    const password = await passwordOf("root");
    const guest = await Intruder.login(stage.etcd.endpoint, "ns:root", password);
    await guest.gateway.put("/holdfast/v1/data/root/x", "1");
    assert.match((await guest.refused("auth/user/list")) ?? "", /permission denied/);
    const shops = { key: base64("/holdfast/v1/data/shop/x"), value: base64("1") };
    assert.match((await guest.refused("kv/put", shops)) ?? "", /permission denied/);
    await asRoot();
    await stage.ready("orders", "root");
  });

  it("takes the user away when its namespace is gone", async () => {
    await stage.kubectl("delete", "namespace", "root", "--timeout=100s");
    await until(
      "the end of the Secret",
      async () => (await stage.backend.passwordOf("root")) === undefined,
    );
    const left = (await users()).filter((name) => name.startsWith("ns:"));
    assert.deepEqual(left.sort(), [accessName("default"), accessName("shop")].sort());
  });

  it("writes nothing in looks that find nothing new", async () => {
    const state = async () => {
      await asRoot();
      const { authRevision } = await stage.raw.call("auth/status");
      const secrets = ["get", "secrets", "-n", operatorNamespace];
      return {
        authRevision,
        revision: await stage.raw.revision(),
        backend: (await stage.backend.get()).metadata.resourceVersion,
        secrets: await stage.kubectl(
          ...secrets,
          "-o",
          "jsonpath={.items[*].metadata.resourceVersion}",
        ),
      };
    };
    const looked = () => operator.metric(looks).then((count) => count ?? 0);
    // The status may still say how large the file was a while ago.
    const settled = await looked();
    await until("two looks", async () => (await looked()) >= settled + 2);
    const [before, from] = [await state(), await looked()];
    await until("two more looks", async () => (await looked()) >= from + 2);
    assert.deepEqual(await state(), before);
  });

  it("is not accepted with a bound that is not built; pools say so, and what is published stays", async () => {
    await asRoot();
    const before = await stage.record("orders");
    await stage.backend.put({ ...usable(), limits: { sidecars: 100 } });
    const { message } = await stage.backend.says("Accepted", "False NotSupportedYet");
    assert.match(message, /^spec\.limits\.sidecars: .*not supported yet/);
    const told = await stage.reason("orders", "Accepted", "BackendNotAccepted");
    assert.match(told.message, /spec\.limits\.sidecars/);
    assert.equal((await stage.condition("orders", "Ready"))?.status, "False");
    assert.equal((await stage.record("orders"))?.modRevision, before?.modRevision);
    await stage.backend.put({ ...usable(), limits: { bytesPerNamespace: 2_000_000 } });
    await until("the other bound", async () => {
      const { message: words } = await stage.backend.says("Accepted", "False NotSupportedYet");
      return words.startsWith("spec.limits.bytesPerNamespace: ");
    });
    await stage.backend.put({ ...usable(), limits: null });
    await stage.backend.says("Ready", "True Ready");
    await stage.ready("orders");
    assert.equal((await stage.record("orders"))?.modRevision, before?.modRevision);
  });

  it("is the only one that a pool may name", async () => {
    await stage.apply("elsewhere", { backendRef: { name: "fast" } });
    const { message } = await stage.reason("elsewhere", "Accepted", "BackendNotSupported");
    assert.match(message, /^spec\.backendRef/);
    await stage.kubectl("delete", "hflock", "elsewhere");
    await stage.backend.put(usable(), { name: "fast", namespace: "shop" });
    await stage.backend.says("Accepted", "False BackendNotSupported", {
      ...{ name: "fast", namespace: "shop" },
    });
  });

  it("says that etcd is down, as the pools do, and both heal", async () => {
    await stage.etcd.kill();
    await stage.backend.says("Reachable", "False Unreachable");
    await stage.backend.says("Ready", "False NotReachable");
    await stage.reason("orders", "BackendReachable", "Unreachable");
    await stage.etcd.startAll();
    await stage.backend.says("Ready", "True Ready");
    await stage.ready("orders");
  });

  const elsewhere = (maintenance: boolean) =>
    stage.backend.put({
      external: { endpoints: [other.endpoint], adminSecret: null, passwords: false, maintenance },
    });

  it("that names another etcd is followed there, whatever the options say", async () => {
    const mark = operator.mark;
    await elsewhere(false);
    await operator.said("the Backend names other endpoints than HOLDFAST_ETCD_ENDPOINTS", mark);
    await stage.backend.says("Isolated", "False AuthOff");
    const there = new EtcdGateway(other.endpoint);
    const isThere = async () => (await there.get(recordKeyOf("orders"))) !== undefined;
    await until("its record there", isThere);
    await stage.ready("orders");
  });

  it("has an etcd that is full kept by the operator, with `maintenance` and not before", async () => {
    const there = new EtcdGateway(other.endpoint);
    const value = "x".repeat(mebibyte);
    const fill = async () => {
      for (;;) await there.put("/filler", value);
    };
    await assert.rejects(fill(), /space exceeded/);
    await stage.backend.says("Healthy", "False SpaceExhausted");
    const mark = operator.mark;
    assert.ok(!operator.has("etcd's file is mostly free"));
    await elsewhere(true);
    await operator.said("etcd has space again", mark);
    await stage.backend.says("Healthy", "True Healthy");
    await there.put("/filler", value);
    await stage.ready("orders");
  });

  it("is not Ready where another installation owns the etcd, and makes no users there", async () => {
    await using foreign = await EtcdServer.start({ noFsync: true });
    const there = new EtcdGateway(foreign.endpoint);
    await asRoot();
    const mine = await stage.raw.get("/holdfast/v1/spec/installation");
    const theirs = mine?.value.replace(/"owner":"[^"]*"/, '"owner":"elsewhere/theirs"') ?? "";
    await there.put("/holdfast/v1/spec/installation", theirs);
    await switchUsersOn(there);
    const admins = { adminSecret: { name: "etcd-admin" }, passwords: true, maintenance: false };
    await stage.backend.put({ external: { endpoints: [foreign.endpoint], ...admins } });
    const { message } = await stage.backend.says("Authorized", "False ForeignOwner");
    assert.match(message, /belongs to 'elsewhere\/theirs'/);
    await stage.backend.says("Ready", "False NotAuthorized");
    await stage.backend.says("Isolated", "Unknown NotAsked");
    await stage.reason("orders", "BackendReachable", "ForeignOwner");
    const found = (await there.call("auth/user/list"))["users"] as string[];
    assert.deepEqual(found, ["root"]);
    assert.ok((await stage.backend.events()).includes("NotAuthorized"));
  });

  it("is followed back again", async () => {
    await stage.backend.put(usable());
    await stage.backend.says("Isolated", "True Isolated");
    await asRoot();
    await stage.apply("orders", { ttl: "8s" });
    await stage.ready("orders");
    assert.match((await stage.record("orders"))?.value ?? "", /"ttl":"8s"/);
  });

  it("leaves a Secret of somebody else's as it is, says so, and makes the users of other namespaces", async () => {
    const name = "holdfast-etcd-user.aaa";
    await stage.backend.secret(name, { password: "mine" });
    await namespaceWithPool("aaa");
    await namespaceWithPool("zzz");
    await passwordOf("zzz");
    const { message } = await stage.backend.says("Isolated", "False UsersNotMade");
    assert.match(message, /aaa: the Secret '.*' is not of Holdfast's making/);
    const args = ["secret", name, "-n", operatorNamespace];
    const kept = await stage.kubectl("get", ...args, "-o", "jsonpath={.data.password}");
    assert.equal(kept, base64("mine"));
    await stage.kubectl("delete", ...args);
    await passwordOf("aaa");
    await stage.backend.says("Isolated", "True Isolated");
  });

  it("is gone on with by the next leader", async () => {
    const second = await stage.operator(admin);
    await operator.terminate();
    operator = second;
    await second.said("leading");
    await stage.kubectl("delete", "secret", "holdfast-etcd-user.shop", "-n", operatorNamespace);
    await namespaceWithPool("later");
    await passwordOf("later");
    const password = await passwordOf("shop");
    await Intruder.login(stage.etcd.endpoint, accessName("shop"), password);
    await stage.kubectl("delete", "hfbackend", "default", "-n", operatorNamespace);
    await stage.backend.says("Ready", "True Ready");
  });

  it("has its authorities renewed when somebody asks for it", async () => {
    const name = "holdfast-ca-clients";
    const args = ["secret", name, "-n", operatorNamespace];
    await stage.kubectl("annotate", ...args, "holdfast.dev/renew=");
    const trusted = 'holdfast_authority_trusted{authority="clients"}';
    await until("the next one in the bundle", async () => (await operator.metric(trusted)) === 2);
    const left = await stage.kubectl("get", ...args, "-o", "jsonpath={.metadata.annotations}");
    assert.doesNotMatch(left, /renew/);
  });

  it("that becomes one that the operator runs is made, which takes an image", async () => {
    await stage.backend.put({ external: null, managed: {} });
    await stage.backend.says("Running", "False ImageUnknown");
    await stage.backend.says("Ready", "False NotRunning");
    await operator.terminate();
    operator = await stage.operator({ ...admin, HOLDFAST_ETCD_IMAGE: "example.test/etcd:1" });
    await stage.backend.says("Running", "False VolumePending");
    await stage.backend.put({ ...usable(), managed: null });
    await stage.backend.says("Ready", "True Ready");
    // It holds data: it stays until somebody deletes it.
    await stage.kubectl("get", "sts/holdfast-etcd", "-n", operatorNamespace);
  });

  it("has tokens of sidecars reviewed", async () => {
    const args = ["secret", "holdfast-ca-operator", "-n", operatorNamespace];
    const ca = await stage.kubectl("get", ...args, "-o", "jsonpath={.data.ca\\.crt}");
    const { identityDoor } = await operator.said("listening");
    const trust = Buffer.from(ca, "base64").toString();
    const answer = await askIdentity(firstOf(identityDoor), trust, { token: "garbage" });
    assert.equal(answer.body["code"], "token_refused", answer.text);
  });

  it("needs each of the operator's rights, and no other", async () => {
    await asRoot();
    await stage.drift("orders");
    await stage.drift("orders");
    await stage.kubectl("delete", "hflock", "orders");
    await until("an Event to be repeated", async () => {
      const requests = await stage.cluster.audited();
      return requests.some(({ resource, verb }) => resource === "events" && verb === "patch");
    });
    const requests = await stage.cluster.audited();
    assert.deepEqual(unusedRights(operatorPermissions(), undefined, requests), []);
    assert.deepEqual(
      requests.filter(({ code }) => code === 403),
      [],
    );
    assert.deepEqual(await stage.forbidden(), []);
  });
});
