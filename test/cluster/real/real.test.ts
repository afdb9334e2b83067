import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import process from "node:process";
import { runningIn } from "#tools/cluster/pid-file.ts";
import { startReal, type RealCluster } from "#tools/cluster/real/real-cluster.ts";
import { imageOf, nodeName } from "#tools/cluster/real/site.ts";
import { takeDown } from "#tools/cluster/take-down.ts";
import { until } from "#tools/cluster/until.ts";
import { versionOf } from "#tools/fetch/built.ts";
import { machine, type Machine } from "./machine.ts";
import { job, pod, service, webServer } from "./workloads.ts";

const folder = path.resolve(".cache/cluster-real");

describe("the real rung", function () {
  this.timeout(180_000);
  let untouched: Machine;
  let cluster: RealCluster;

  before(async () => {
    // Of a run that was killed.
    await takeDown(folder);
    untouched = machine(folder);
    cluster = await startReal({ folder });
  });
  // Absent where it could not be started, which has been told then.
  after(() => cluster?.close());

  const apply = (...objects: readonly object[]): Promise<string> =>
    cluster.kubectl.run(
      ["apply", "-f", "-"],
      JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }),
    );
  const get = (what: string, jsonPath: string): Promise<string> =>
    cluster.kubectl.run(["get", what, "-o", `jsonpath=${jsonPath}`]);
  const succeeded = (name: string): Promise<boolean> =>
    until(
      `pod ${name} to succeed`,
      async () => (await get(`pod/${name}`, "{.status.phase}")) === "Succeeded",
    );

  it("has a node of its own version", async () => {
    const version = await get(`node/${nodeName}`, "{.status.nodeInfo.kubeletVersion}");
    assert.equal(version, `v${versionOf("kubernetes")}`);
  });

  it("runs a pod, and shows what it has written", async () => {
    await apply(
      pod("greets", { image: imageOf("busybox"), command: ["echo", "hello from a pod"] }),
    );
    await succeeded("greets");
    assert.equal(await cluster.kubectl.run(["logs", "greets"]), "hello from a pod\n");
  });

  it("runs the project's Node in a pod", async () => {
    const command = ["node", "--print", "process.versions.node"];
    await apply(pod("node", { image: imageOf("node"), command }));
    await succeeded("node");
    assert.match(await cluster.kubectl.run(["logs", "node"]), /^24\./);
  });

  it("completes a job whose pod has a sidecar that would go on for ever", async () => {
    await apply(job("with-sidecar"));
    await cluster.kubectl.run([
      ...["wait", "job/with-sidecar", "--for=condition=Complete", "--timeout=120s"],
    ]);
    const read = (container: string): Promise<string> =>
      cluster.kubectl.run(["logs", "job/with-sidecar", "-c", container]);
    assert.equal(await read("app"), "the sidecar answers\n");
    assert.equal(await read("sidecar"), "asked to end\n");
  });

  it("answers names: a pod reaches a service by its name", async () => {
    await apply(webServer("web"), service("web"));
    await cluster.kubectl.run(["wait", "pod/web", "--for=condition=Ready", "--timeout=120s"]);
    const fetches =
      "until timeout 3 wget -q -O - http://web.default.svc.cluster.local/; do :; done";
    await apply(pod("asks", { image: imageOf("busybox"), command: ["sh", "-c", fetches] }));
    await succeeded("asks");
    assert.equal(await cluster.kubectl.run(["logs", "asks", "--tail=1"]), "served from a pod\n");
  });

  it("is reached from the machine: a test asks the service itself", async () => {
    const address = await get("service/web", "{.spec.clusterIP}");
    const answer = await until("the service", () => bodyOf(`http://${address}/`));
    assert.equal(answer, "served from a pod\n");
  });

  it("goes on when the kubelet and the API server are killed and started again", async () => {
    const startedAt = "{.status.containerStatuses[0].state.running.startedAt}";
    const before = await get("pod/web", startedAt);
    for (const name of ["kubelet", "kube-apiserver"]) await cluster.component(name).restart();
    await cluster.ready();
    await apply(pod("after", { image: imageOf("busybox"), command: ["true"] }));
    await succeeded("after");
    assert.equal(await get("pod/web", startedAt), before);
  });

  it("leaves nothing when it is closed", async () => {
    await cluster.close();
    assert.deepEqual(machine(folder), untouched);
    assert.equal(existsSync(folder), false);
  });

  it("leaves nothing when it is taken down after a crash, from what its folder says", async () => {
    await startReal({ folder });
    for (const { pid } of runningIn(folder)) process.kill(pid, "SIGKILL");
    await takeDown(folder);
    assert.deepEqual(machine(folder), untouched);
  });
});

function bodyOf(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent: false, timeout: 3_000 }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.once("close", () => {
        resolve(body);
      });
    });
    request.once("timeout", () => request.destroy(new Error("no answer")));
    request.once("error", reject);
  });
}
