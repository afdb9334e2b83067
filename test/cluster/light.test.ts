import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { spawn } from "node:child_process";
import path from "node:path";
import process from "node:process";
import { startLight, type LightCluster } from "#tools/cluster/light/light-cluster.ts";
import { runningIn } from "#tools/cluster/pid-file.ts";
import { until } from "#tools/cluster/until.ts";
import { versionOf } from "#tools/fetch/built.ts";

const startMaxMs = 120_000;

describe("the light rung", function () {
  this.timeout(startMaxMs);
  let cluster: LightCluster;

  before(async () => {
    cluster = await startLight({ scheduler: true });
  });
  // Absent where it could not be started, which has been told then.
  after(() => cluster?.close());

  const put = (name: string, value: string): Promise<string> =>
    cluster.kubectl.run(
      ["apply", "-f", "-"],
      JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { value } }),
    );
  const valueOf = (name: string): Promise<string> =>
    cluster.kubectl.run(["get", "configmap", name, "-o", "jsonpath={.data.value}"]);

  it("is the version that it says", async () => {
    const version = JSON.parse(await cluster.kubectl.run(["version", "-o", "json"])) as Record<
      "clientVersion" | "serverVersion",
      { gitVersion: string }
    >;
    const wanted = `v${versionOf("kubernetes")}`;
    assert.equal(version.serverVersion.gitVersion, wanted);
    assert.equal(version.clientVersion.gitVersion, wanted);
  });

  it("has controllers that work: a namespace gets its service account, and goes when it is deleted", async () => {
    await cluster.kubectl.run(["create", "namespace", "short-lived"]);
    await until("the service account", async () => {
      const args = ["get", "serviceaccount", "default", "-n", "short-lived"];
      return (await cluster.kubectl.ask(args)).code === 0;
    });
    await cluster.kubectl.run(["delete", "namespace", "short-lived", "--timeout=60s"]);
  });

  it("keeps what was written when each component is killed and started again", async () => {
    await put("kept", "before");
    for (const name of ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]) {
      const component = cluster.component(name);
      const { pid } = component;
      await component.restart();
      assert.notEqual(component.pid, pid);
      await cluster.ready();
      assert.equal(await valueOf("kept"), "before");
    }
    await put("kept", "after");
    assert.equal(await valueOf("kept"), "after");
  });

  it("stands beside another, and neither sees what is in the other", async () => {
    await using other = await startLight({ controllerManager: false });
    await put("mine", "1");
    const { code, err } = await other.kubectl.ask(["get", "configmap", "mine"]);
    assert.notEqual(code, 0);
    assert.match(err, /not found/);
    assert.notEqual(other.url, cluster.url);
  });

  it("leaves neither processes nor files when it is closed", async () => {
    const other = await startLight({ controllerManager: false });
    const processes = runningIn(other.folder);
    assert.deepEqual(processes.map(({ name }) => name).sort(), ["etcd", "kube-apiserver"]);
    await Promise.all([other.close(), other.close()]);
    assert.equal(existsSync(other.folder), false);
    for (const { pid } of processes) assert.equal(existsSync(`/proc/${pid}`), false);
  });

  it("tells, with the end of its log, of a component that ends while it starts", async () => {
    const api = cluster.component("kube-apiserver");
    await api.kill();
    await assert.rejects(cluster.ready(), /kube-apiserver has ended\. Its last lines:\n.+/s);
    api.start();
    await cluster.ready();
  });
});

describe("a light cluster whose owner is killed", () => {
  it("ends with it", async function () {
    this.timeout(startMaxMs);
    const owner = spawn(process.execPath, ["test/cluster/owner.ts"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let folder = "";
    owner.stdout.setEncoding("utf8").on("data", (text: string) => (folder += text));
    const over = new Promise((resolve) => owner.once("close", resolve));
    await until("the owner's cluster", async () => folder.endsWith("\n"));
    const processes = runningIn(folder.trim());
    assert.equal(processes.length, 2);
    owner.kill("SIGKILL");
    await over;
    await until("its processes to end", async () => runningIn(folder.trim()).length === 0);
    assert.match(
      readFileSync(path.join(folder.trim(), "logs", "kube-apiserver.log"), "utf8"),
      /Serving securely/,
    );
    rmSync(folder.trim(), { recursive: true });
  });
});
