/** The users of namespaces as the controller of Backends keeps them, between a real API server and a real etcd with TLS. */
import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { actOnStatus } from "#operator/controllers/backend/act.ts";
import { actOnUsers } from "#operator/controllers/backend/act-on-users.ts";
import { backends, readUserSecret } from "#operator/controllers/backend/resources.ts";
import { UserSecrets } from "#operator/controllers/backend/user-secrets.ts";
import { EtcdAdmin } from "#operator/etcd-admin/admin.ts";
import { accessName, rightsOf } from "#operator/etcd-admin/namespace-access.ts";
import { NamespaceUsers } from "#operator/etcd-admin/namespace-users.ts";
import { notLeading, type AdminOutcome } from "#operator/etcd-admin/outcome.ts";
import { get } from "#operator/kube/calls.ts";
import { AdminApi } from "#test/support/kube/admin-api.ts";
import { operatorNamespace as own } from "#test/support/kube/operator-role.ts";
import type { LightCluster } from "#tools/cluster/light/light-cluster.ts";
import { Certificates } from "../integration/etcd/certificates.ts";
import { EtcdServer } from "../support/etcd-server.ts";
import { testRuntime } from "../support/etcd-users.ts";
import { eventually, inTime } from "../support/poll.ts";
import { BackendDesk } from "./backend-seen.ts";
import { startWithCrds } from "./crds-applied.ts";

const never = new AbortController().signal;

type Call<T> = Parameters<typeof EtcdAdmin.prototype.ask<T>>[0];

describe("the users of namespaces", function () {
  this.timeout(180_000);
  let cluster: LightCluster;
  let controller: ChildProcess;
  let desk: BackendDesk;
  let certificates: Certificates;
  let etcd: EtcdServer;
  /** The test's own. */
  let admin: EtcdAdmin;
  let backend: { external: object };

  before(async () => {
    [cluster, certificates] = await Promise.all([
      startWithCrds({ controllerManager: true }),
      Certificates.start(),
    ]);
    await certificates.authority("ours");
    const clientCa = certificates.path("ours.crt");
    const tls = { ...(await certificates.issue("etcd", { by: "ours" })), clientCa };
    etcd = await EtcdServer.start({ noFsync: true, args: ["--bcrypt-cost=4"], tls });
    const files = await certificates.issue("root", { by: "ours" });
    const pem = async (path: string) => (await readFile(path)).toString();
    const [ca, cert, key] = [await pem(clientCa), await pem(files.cert), await pem(files.key)];
    const [own1, own2, own3] = [ca, cert, key].map((text) => Buffer.from(text));
    const access = { endpoints: etcd.endpoints, tls: { ca: own1!, cert: own2!, key: own3! } };
    const made = EtcdAdmin.start(access, testRuntime);
    assert.equal(made.kind, "done");
    admin = made.value;
    const options = { no_password: true };
    await ask((it, how) => it.auth.userAdd({ name: "root", options }, how));
    await ask((it, how) => it.auth.roleAdd({ name: "root" }, how));
    await ask((it, how) => it.auth.userGrantRole({ user: "root", role: "root" }, how));
    await ask((it, how) => it.auth.authEnable(how));
    desk = new BackendDesk(cluster.kubectl);
    await kubectl("create", "namespace", own);
    await desk.secret("etcd-ca", { "ca.crt": ca });
    await desk.secret("etcd-admin", { "tls.crt": cert, "tls.key": key });
    const external = { endpoints: etcd.endpoints, ca: { name: "etcd-ca" } };
    backend = { external: { ...external, adminSecret: { name: "etcd-admin" } } };
    await desk.put({ external: { ...backend.external, passwords: true } });
    controller = fork("test/cluster/backend-process.ts", [cluster.kubeconfig, own, etcd.endpoint]);
    await desk.says("Isolated", "True Isolated");
    await kubectl("create", "namespace", "shop");
    await pool("shop");
    await passwordOf("shop");
  });

  after(async () => {
    const ended = once(controller, "exit");
    controller.disconnect();
    assert.deepEqual(await inTime("the controller to end", ended), [0, null]);
    admin[Symbol.dispose]();
    await etcd[Symbol.asyncDispose]();
    await certificates[Symbol.asyncDispose]();
    await cluster.close();
  });

  const kubectl = (...args: string[]) => cluster.kubectl.run(args);
  const ask = async <T>(call: Call<T>): Promise<T> => {
    const outcome: AdminOutcome<T> = await admin.ask(call);
    if (outcome.kind !== "done") throw new Error(outcome.message);
    return outcome.value;
  };
  const pool = async (namespace: string) => {
    const example = parse(await readFile("examples/orders.yaml", "utf8")) as object;
    const object = { ...example, metadata: { name: "orders", namespace } };
    await cluster.kubectl.run(["apply", "-f", "-"], JSON.stringify(object));
  };
  const passwordOf = (namespace: string, than?: string) =>
    eventually(`another password of ${namespace}`, async () => {
      const password = await desk.passwordOf(namespace);
      return password === than ? undefined : password;
    });
  const isTaken = async (namespace: string, password: string) => {
    const login = { name: accessName(namespace), password };
    return (await admin.ask((it, how) => it.auth.authenticate(login, how))).kind === "done";
  };
  const users = async () => (await ask((it, how) => it.auth.userList(how))).users;
  const hasUser = (namespace: string) =>
    eventually(`the user of ${namespace}`, async () =>
      (await users()).includes(accessName(namespace)),
    );
  const isGone = (name: string) =>
    eventually(`the end of ${name}`, async () => !(await users()).includes(name));
  const told = (reason: string) =>
    eventually(`the Event ${reason}`, async () => (await desk.events()).includes(reason));

  it("have another password, which is told, where somebody changed it in etcd", async () => {
    const password = await passwordOf("shop");
    await told("UserMade");
    const changed = { name: accessName("shop"), password: "guessed" };
    await ask((it, how) => it.auth.userChangePassword(changed, how));
    const next = await passwordOf("shop", password);
    assert.ok(await isTaken("shop", next));
    assert.ok(!(await isTaken("shop", "guessed")));
    assert.ok(!(await isTaken("shop", password)));
    await told("PasswordRefused");
    await desk.says("Isolated", "True Isolated");
  });

  it("have another password, too, where somebody wrote one into the Secret", async () => {
    const password = await passwordOf("shop");
    const data = JSON.stringify({ stringData: { password: "mine" } });
    await kubectl("patch", "secret", "holdfast-etcd-user.shop", "-n", own, "-p", data);
    const next = await eventually("a password that etcd takes", async () => {
      const found = await desk.passwordOf("shop");
      return found !== undefined && found !== "mine" && found !== password && found;
    });
    assert.ok(await isTaken("shop", next));
  });

  it("have another password where their namespace is made anew while nobody looks", async () => {
    const password = await passwordOf("shop");
    const ended = once(controller, "exit");
    controller.disconnect();
    await inTime("the controller to end", ended);
    await kubectl("delete", "namespace", "shop", "--timeout=100s");
    await kubectl("create", "namespace", "shop");
    await pool("shop");
    assert.equal(await desk.passwordOf("shop"), password);
    controller = fork("test/cluster/backend-process.ts", [cluster.kubeconfig, own, etcd.endpoint]);
    const next = await passwordOf("shop", password);
    assert.ok(await isTaken("shop", next));
    assert.ok(!(await isTaken("shop", password)));
  });

  it("are collected where their namespace is gone and no Secret tells of them, and others' are not", async () => {
    const long = "n".repeat(63);
    for (const namespace of ["lost", long]) {
      const name = accessName(namespace);
      await ask((it, how) => it.auth.roleAdd({ name }, how));
      for (const { access, key, end } of rightsOf(namespace)) {
        const range = { key: Buffer.from(key), range_end: Buffer.from(end) };
        const perm = { permType: access, ...range };
        await ask((it, how) => it.auth.roleGrantPermission({ name, perm }, how));
      }
      await ask((it, how) => it.auth.userAdd({ name, password: "p" }, how));
    }
    await ask((it, how) => it.auth.roleAdd({ name: "ns:theirs" }, how));
    await ask((it, how) => it.auth.userAdd({ name: "ns:theirs", password: "p" }, how));
    await isGone(accessName("lost"));
    await isGone(accessName(long));
    await told("UserRemoved");
    const { roles } = await ask((it, how) => it.auth.roleList(how));
    assert.deepEqual(
      roles.filter((role) => role.startsWith("ns:")),
      [accessName("shop"), "ns:theirs"],
    );
    assert.ok((await users()).includes("ns:theirs"));
  });

  it("are not made once more while the watch of Secrets is late, nor written over by who led before", async () => {
    await using api = new AdminApi(cluster);
    const parts = { api: api.locks.api, operatorNamespace: own, mayAct: () => true };
    const secrets = new UserSecrets(parts);
    const hands = {
      ...{ runtime: testRuntime, secrets, isEnding: () => false },
      users: new NamespaceUsers({ admin: () => admin, runtime: testRuntime, mayAct: () => true }),
      seen: {
        ...{ inUse: new Set<string>(), uids: new Map<string, string>(), isServed: () => true },
        ...{ secrets: [], seenLately: new Set<string>(), notOurs: new Set<string>() },
        taken: new Map<string, string>(),
      },
    };
    const password = await passwordOf("shop");
    const stale = await secrets.read("shop", never);
    assert.ok(stale.kind === "done" && stale.value !== undefined);
    const uid = readUserSecret(stale.value)?.uid ?? "";
    const late = { make: [{ namespace: "shop", uid }], look: [], remove: [], orphans: [] };
    const { done } = await actOnUsers(late, hands, never);
    assert.deepEqual(done, [{ namespace: "shop", what: "stood", proven: { password } }]);
    assert.equal(await desk.passwordOf("shop"), password);
    // Another password is refused by etcd, and what the watch shows is old: it is not replaced.
    const old = { namespace: "shop", password: "old", uid, check: true };
    const look = [{ ...old, dropSecret: false, isNew: false }];
    await actOnUsers({ ...late, make: [], look }, hands, never);
    assert.equal(await desk.passwordOf("shop"), password);
    await kubectl("annotate", "secret", "holdfast-etcd-user.shop", "-n", own, "a=b");
    const deposed = await secrets.write(
      { namespace: "shop", uid, password: "x" },
      stale.value,
      never,
    );
    assert.equal(deposed.kind, "unknown");
    const anew = await secrets.write({ namespace: "shop", uid, password: "x" }, undefined, never);
    assert.equal(anew.kind, "unknown");
    assert.equal(await desk.passwordOf("shop"), password);
    const leadsNoMore = new UserSecrets({ ...parts, mayAct: () => false });
    assert.deepEqual(await leadsNoMore.remove(stale.value, never), notLeading);
    assert.deepEqual(
      await leadsNoMore.write({ namespace: "shop", uid, password: "x" }, stale.value, never),
      notLeading,
    );
  });

  it("do not keep a Backend that is not used from its status, whatever else is edited meanwhile", async () => {
    await using api = new AdminApi(cluster);
    const name = { namespace: "shop", name: "elsewhere" };
    await desk.put(backend, name);
    await desk.says("Accepted", "False BackendNotSupported", name);
    const call = { api: api.locks.api, resource: backends, signal: never };
    const read = await get(call, name);
    assert.ok(read.kind === "done");
    await kubectl("label", "hfbackend", "elsewhere", "-n", "shop", "a=b");
    const conditions = [
      { type: "Ready", status: "Unknown", reason: "Other", message: "." },
    ] as const;
    const hands = {
      ...{ api: api.locks.api, runtime: testRuntime, signal: never },
      recorder: { record: () => assert.fail("what was not written is not told") },
    };
    const wanted = { conditions, numbers: {}, writtenMsAgo: Infinity };
    assert.equal(await actOnStatus(read.value, wanted, hands), "moved");
  });

  it("are made where a namespace asks for sidecars, and with the first pod that has one", async () => {
    for (const namespace of ["asking", "injected"]) await kubectl("create", "namespace", namespace);
    await kubectl("label", "namespace", "asking", "holdfast.dev/inject=enabled");
    await passwordOf("asking");
    assert.equal(await desk.passwordOf("injected"), undefined);
    const metadata = { name: "app", namespace: "injected" };
    const labels = { "holdfast.dev/sidecar": "injected" };
    const pod = {
      ...{ apiVersion: "v1", kind: "Pod", metadata: { ...metadata, labels } },
      spec: { containers: [{ name: "app", image: "app" }] },
    };
    await eventually("the namespace's account", () =>
      kubectl("get", "serviceaccount", "default", "-n", "injected").then(() => true),
    );
    await cluster.kubectl.run(["apply", "-f", "-"], JSON.stringify(pod));
    await passwordOf("injected");
  });

  it("lose their passwords and Secrets where the Backend comes to have certificates, and are let in by those", async () => {
    const password = await passwordOf("shop");
    const issuer = { name: "etcd-issuer" };
    await desk.put({ external: { ...backend.external, passwords: false, issuer } });
    const secrets = ["get", "secrets", "-n", own, "-l", "holdfast.dev/etcd-user", "-o", "name"];
    await eventually("the end of all Secrets", async () => (await kubectl(...secrets)) === "");
    assert.ok(!(await isTaken("shop", password)));
    await told("PasswordRemoved");
    await desk.says("Isolated", "True Isolated");
    const files = await certificates.issue(accessName("shop"), { by: "ours" });
    const [ca, cert, key] = await Promise.all(
      [certificates.path("ours.crt"), files.cert, files.key].map((path) => readFile(path)),
    );
    const tls = { ca: ca!, cert: cert!, key: key! };
    const made = EtcdAdmin.start({ endpoints: etcd.endpoints, tls }, testRuntime);
    assert.equal(made.kind, "done");
    using shop = made.value;
    const read = (prefix: string) =>
      shop.ask((it, how) => it.kv.range({ key: Buffer.from(`${prefix}x`) }, how));
    assert.equal((await read("/holdfast/v1/data/shop/")).kind, "done");
    assert.equal((await read("/holdfast/v1/data/asking/")).kind, "refused");
  });

  it("are made without a password and without a Secret where sidecars come with certificates", async () => {
    await kubectl("create", "namespace", "later");
    await pool("later");
    await hasUser("later");
    const login = { name: accessName("later"), password: "?" };
    const refused = await admin.ask((it, how) => it.auth.authenticate(login, how));
    assert.equal(refused.kind === "refused" && refused.reason, "noPassword");
    assert.equal(await desk.passwordOf("later"), undefined);
    await kubectl("delete", "namespace", "later", "--timeout=100s");
    await isGone(accessName("later"));
  });

  it("get passwords and Secrets again where the Backend says so", async () => {
    await desk.put({ external: { ...backend.external, passwords: true, issuer: null } });
    const password = await passwordOf("shop");
    assert.ok(await isTaken("shop", password));
  });
});
