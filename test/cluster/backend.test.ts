/** The controller of Backends, as it is, between a real API server and a real etcd with certificates and users. */
import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { apiVersion } from "#api/names.ts";
import { operatorNamespace } from "#test/support/kube/operator-role.ts";
import { accessName } from "#operator/etcd-admin/namespace-access.ts";
import { startLight, type LightCluster } from "#tools/cluster/light/light-cluster.ts";
import { Certificates } from "../integration/etcd/certificates.ts";
import { EtcdGateway } from "../support/etcd-gateway.ts";
import { EtcdServer } from "../support/etcd-server.ts";
import { Intruder, rootUser, switchUsersOn } from "../support/etcd-users.ts";
import { eventually, inTime } from "../support/poll.ts";
import { BackendDesk } from "./backend-seen.ts";

const own = operatorNamespace;

describe("the controller of Backends", function () {
  this.timeout(180_000);
  let cluster: LightCluster;
  let controller: ChildProcess;
  let desk: BackendDesk;
  let looks = 0;
  let certificates: Certificates;
  /** With certificates, and without users. */
  let secure: EtcdServer;
  /** With users, and without certificates. */
  let guarded: EtcdServer;
  let gateway: EtcdGateway;

  before(async () => {
    [cluster, certificates] = await Promise.all([startLight(), Certificates.start()]);
    await cluster.kubectl.run(["apply", "--server-side", "-f", "crds"]);
    await cluster.kubectl.run([
      "wait",
      "--for=condition=Established",
      "--timeout=60s",
      "crds",
      "--all",
    ]);
    desk = new BackendDesk(cluster.kubectl);
    await cluster.kubectl.run(["create", "namespace", own]);
    await certificates.authority("right");
    await certificates.authority("wrong");
    const tls = await certificates.issue("etcd", { by: "right" });
    secure = await EtcdServer.start({
      noFsync: true,
      tls: { ...tls, clientCa: certificates.path("right.crt") },
    });
    guarded = await EtcdServer.start({ noFsync: true, args: ["--bcrypt-cost=4"] });
    gateway = new EtcdGateway(guarded.endpoint);
    await switchUsersOn(gateway);
    controller = fork("test/cluster/backend-process.ts", [
      cluster.kubeconfig,
      own,
      guarded.endpoint,
    ]);
    controller.on("message", (told) => (looks = Number(told)));
    await says("Accepted", "True Accepted");
  });

  after(async () => {
    const ended = once(controller, "exit");
    controller.disconnect();
    assert.deepEqual(await inTime("the controller to end", ended), [0, null]);
    await Promise.all([secure[Symbol.asyncDispose](), guarded[Symbol.asyncDispose]()]);
    await certificates[Symbol.asyncDispose]();
    await cluster.close();
  });

  const spec = (external: object) => ({ type: "etcd" as const, external });
  const put = async (object: object) => {
    await cluster.kubectl.run(["apply", "-f", "-"], JSON.stringify(object));
  };
  const backend = (external: object) => desk.put({ external });
  const secret = (name: string, data: Record<string, string>) => desk.secret(name, data);
  const remove = (...args: string[]) => cluster.kubectl.run(["delete", ...args]);
  const pem = (name: string) => readFile(certificates.path(name), "utf8");
  const says = (
    type: string,
    wanted: string,
    [name, namespace]: readonly [string, string] = ["default", own],
  ) => desk.says(type, wanted, { name, namespace });

  it("makes the Backend 'default' from the operator's options, and says what it sees there", async () => {
    const { message } = await says("Reachable", "False CredentialsMissing");
    assert.match(message, /Name an admin in external\.adminSecret/);
    await says("Authorized", "Unknown NotAsked");
    await says("Ready", "False NotReachable");
  });

  it("says which Secret is missing, and is Ready when it is there", async () => {
    await backend({
      endpoints: [guarded.endpoint],
      adminSecret: { name: "etcd-admin" },
      passwords: true,
    });
    const { message } = await says("Reachable", "False SecretMissing");
    assert.match(message, /'etcd-admin' of spec\.external\.adminSecret\.name/);
    await says("Ready", "False NotReachable");
    await secret("etcd-admin", { username: rootUser.user, password: rootUser.password });
    await says("Ready", "True Ready");
    await says("Isolated", "True Isolated");
    const { status = {} } = await desk.get();
    const { members, sizeBytes = 0, version: told = "" } = status;
    assert.equal(members, 1);
    assert.ok(sizeBytes > 0);
    assert.match(told, /^3\.7\./);
    await says("HighlyAvailable", "False TooFewMembers");
    await says("VersionSupported", "True Supported");
    const table = await cluster.kubectl.run(["get", "hfbackend", "-n", own]);
    assert.match(table, /NAME\s+TYPE\s+VERSION\s+MEMBERS\s+READY\s+AGE/);
    assert.match(table, /default\s+etcd\s+3\.7\.\d+\s+1\s+True/);
  });

  it("writes nothing while nothing changes, and keeps the times of what did not", async () => {
    const version = async () => (await desk.get()).metadata.resourceVersion;
    const [before, looked] = [await version(), looks];
    await eventually("three more looks", () => looks >= looked + 3);
    assert.equal(await version(), before);
  });

  it("leaves what a former leader said of pods, until somebody has looked at them", async () => {
    const sidecars = { injected: 3, missing: 1, oldVersion: 0, oldTemplate: 0 };
    const metadata = { name: "default", namespace: own };
    // As the controller itself: what only somebody else had written, nobody would take away.
    await cluster.kubectl.run(
      [
        ...["apply", "--server-side", "--force-conflicts", "--subresource=status"],
        ...["--field-manager=holdfast-backend", "-f", "-"],
      ],
      JSON.stringify({ apiVersion, kind: "Backend", metadata, status: { sidecars } }),
    );
    await says("Ready", "True Ready");
    assert.deepEqual((await desk.get()).status?.sidecars, sidecars);
  });

  it("says that a password is wrong, and heals with the right one", async () => {
    await secret("etcd-admin", { username: rootUser.user, password: "nonsense" });
    const { message } = await says("Reachable", "False CredentialsRefused");
    assert.ok(!message.includes("nonsense"));
    await secret("etcd-admin", { username: rootUser.user, password: rootUser.password });
    await says("Ready", "True Ready");
  });

  const passwordOf = (namespace: string) =>
    eventually(`the Secret of ${namespace}`, () => desk.passwordOf(namespace));
  const users = async () => (await gateway.call("auth/user/list"))["users"] as string[];
  const pool = async (namespace: string, name = "orders") => {
    const example = parse(await readFile("examples/orders.yaml", "utf8")) as object;
    await put({ ...example, metadata: { name, namespace } });
  };

  it("gives a namespace its user and Secret with its first resource, and another password when the Secret is gone", async () => {
    await cluster.kubectl.run(["create", "namespace", "shop"]);
    assert.equal(await desk.passwordOf("shop"), undefined);
    await pool("shop");
    const password = await passwordOf("shop");
    const shop = await Intruder.login(guarded.endpoint, accessName("shop"), password);
    await shop.gateway.put("/holdfast/v1/data/shop/x", "1");
    await pool("shop", "more");
    await remove("secret", "holdfast-etcd-user.shop", "-n", own);
    const next = await passwordOf("shop");
    assert.notEqual(next, password);
    await assert.rejects(Intruder.login(guarded.endpoint, accessName("shop"), password));
    await Intruder.login(guarded.endpoint, accessName("shop"), next);
  });

  it("keeps the user while the namespace exists, and removes it, and the Secret, when that is gone", async () => {
    await remove("hflock", "--all", "-n", "shop");
    await cluster.kubectl.run(["create", "namespace", "later"]);
    await pool("later");
    await passwordOf("later");
    assert.ok((await users()).includes(accessName("shop")));
    await remove("namespace", "shop", "--timeout=60s");
    await eventually(
      "the end of the Secret",
      async () => (await desk.passwordOf("shop")) === undefined,
    );
    assert.deepEqual(
      (await users()).filter((name) => name.startsWith("ns:")),
      [accessName("later")],
    );
  });

  it("says that etcd is down, and heals when it is back, with a time for the change", async () => {
    const { lastTransitionTime: before } = await says("Ready", "True Ready");
    await guarded.stop();
    await says("Reachable", "False Unreachable");
    await says("Healthy", "Unknown NotAsked");
    await guarded.startAll();
    const { lastTransitionTime } = await says("Ready", "True Ready");
    assert.ok(lastTransitionTime >= before);
    await passwordOf("later");
  });

  it("says that users are off, and does not switch them on", async () => {
    await gateway.login(rootUser.user, rootUser.password);
    await gateway.call("auth/disable");
    await says("Isolated", "False AuthOff");
    await says("Ready", "True Ready");
    assert.notEqual((await gateway.call("auth/status"))["enabled"], true);
    await gateway.call("auth/enable");
    await says("Isolated", "True Isolated");
  });

  it("says that the database is full, and what helps", async () => {
    await gateway.login(rootUser.user, rootUser.password);
    await gateway.call("maintenance/alarm", { action: "ACTIVATE", alarm: "NOSPACE" });
    const { message } = await says("Healthy", "False SpaceExhausted");
    assert.match(message, /etcdctl defrag.*etcdctl alarm disarm/);
    await gateway.call("maintenance/alarm", { action: "DEACTIVATE", alarm: "NOSPACE" });
    await says("Healthy", "True Healthy");
  });

  it("says that an authority is wrong, a certificate unusable or missing, and is Ready with the right ones", async () => {
    const endpoints = [secure.endpoint];
    const external = { endpoints, ca: { name: "etcd-ca" }, adminSecret: { name: "etcd-client" } };
    const client = await certificates.issue("admin", { by: "right" });
    const pair = { "tls.crt": await readFile(client.cert, "utf8") };
    const key = await readFile(client.key, "utf8");
    await secret("etcd-ca", { "ca.crt": await pem("wrong.crt") });
    await secret("etcd-client", { ...pair, "tls.key": key });
    await backend(external);
    await says("Reachable", "False CertificateNotTrusted");
    await secret("etcd-ca", { "ca.crt": await pem("right.crt") });
    await says("Ready", "True Ready");
    await says("Isolated", "False AuthOff");
    await secret("etcd-client", { ...pair, "tls.key": await pem("wrong.key") });
    await says("Reachable", "False SecretUnusable");
    await backend({ ...external, ca: { name: "etcd-ca", key: "other.crt" } });
    const { message } = await says("Reachable", "False SecretMissing");
    assert.match(message, /has no key 'other\.crt'/);
    await backend({ endpoints, ca: { name: "etcd-ca" }, adminSecret: null });
    await says("Reachable", "False CredentialsMissing");
    await backend({ endpoints: [guarded.endpoint], ca: null, adminSecret: { name: "etcd-admin" } });
    await says("Ready", "True Ready");
  });

  it("says that the admin is none, where it may log in but not manage users", async () => {
    await gateway.login(rootUser.user, rootUser.password);
    await gateway.call("auth/user/add", { name: "guest", password: "guest" });
    await secret("guest", { username: "guest", password: "guest" });
    await backend({ endpoints: [guarded.endpoint], ca: null, adminSecret: { name: "guest" } });
    await says("Authorized", "False RightsMissing");
    await says("Ready", "False NotAuthorized");
  });

  it("refuses by name what is not built, and any other Backend", async () => {
    await put({
      ...{ apiVersion, kind: "Backend", metadata: { name: "other", namespace: "default" } },
      spec: spec({ endpoints: ["http://elsewhere:2379"] }),
    });
    await says("Accepted", "False BackendNotSupported", ["other", "default"]);
    await remove("hfbackend", "default", "-n", own);
    await put({
      ...{ apiVersion, kind: "Backend", metadata: { name: "other", namespace: own } },
      spec: { type: "etcd", managed: {} },
    });
    await says("Accepted", "False BackendNotSupported", ["other", own]);
    // The one that is used was made again from the options.
    await says("Reachable", "False CredentialsMissing");
  });
});
