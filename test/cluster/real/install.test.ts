/** The whole of it: helm install, one label, localhost. The project's images and chart, and apps that know only localhost. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fetchHelm } from "#tools/fetch/helm.ts";
import { Helm } from "#tools/cluster/helm.ts";
import { importProjectImages } from "#tools/cluster/real/project-images.ts";
import { startReal, type RealCluster } from "#tools/cluster/real/real-cluster.ts";
import { imageOf } from "#tools/cluster/real/site.ts";
import { makeVolumes } from "#tools/cluster/real/storage.ts";
import { takeDown } from "#tools/cluster/take-down.ts";
import { until } from "#tools/cluster/until.ts";
import { appPod, jobWithLock, type App } from "./apps.ts";

const folder = path.resolve(".cache/cluster-real");
const system = "holdfast-system";
const shop = "shop";
const startMs = 180_000;

describe("helm install, one label, localhost", function () {
  this.timeout(400_000);
  let cluster: RealCluster;
  let helm: Helm;

  const kubectl = (...args: readonly string[]): Promise<string> => cluster.kubectl.run(args);
  const inShop = (...args: readonly string[]): Promise<string> => kubectl(...args, "-n", shop);
  const apply = (...items: readonly object[]): Promise<string> =>
    cluster.kubectl.run(
      ["apply", "-n", shop, "-f", "-"],
      JSON.stringify({ apiVersion: "v1", kind: "List", items }),
    );
  const start = (name: string, app: App): Promise<string> => apply(appPod(name, app));
  const logs = (pod: string): Promise<string> => inShop("logs", pod, "-c", "app");

  /** When the app wrote a line that begins so, by its own clock. */
  async function wroteAt(pod: string, word: string, withinMs = startMs): Promise<number> {
    let at = Number.NaN;
    await until(
      `${pod} to write ${word}`,
      async () => {
        const line = (await logs(pod)).split("\n").find((each) => each.startsWith(`${word} `));
        at = Number(line?.split(" ")[1]);
        if (line === undefined) throw new Error(await logs(pod));
        return true;
      },
      { withinMs },
    );
    return at;
  }

  const operators = (count: number): Promise<string> =>
    kubectl("scale", "deployment/holdfast-operator", `--replicas=${count}`, "-n", system);
  const operatorsReady = (): Promise<string> =>
    kubectl("rollout", "status", "deployment/holdfast-operator", "-n", system, "--timeout=110s");

  before(async () => {
    // Of a run that was killed.
    await takeDown(folder);
    cluster = await startReal({ folder });
    const { path: program } = await fetchHelm("4");
    helm = new Helm({ program, kubeconfig: cluster.kubeconfig, folder });
    await importProjectImages(cluster);
    await makeVolumes(cluster, { count: 1, size: "8Gi" });
  });
  // Absent where it could not be started, which has been told then.
  after(() => cluster?.close());
  afterEach(async function () {
    if (this.currentTest?.state !== "failed") return;
    const seen = [
      ["get", "pods,hflock,hfbackend", "-A", "-o", "wide"],
      ["get", "events", "-A", "--sort-by=.lastTimestamp"],
      ["describe", "hfbackend", "-n", system],
      ["logs", "deployment/holdfast-operator", "--all-pods", "--tail=40", "-n", system],
    ];
    for (const args of seen) console.error((await cluster.kubectl.ask(args)).out.slice(-6_000));
  });

  it("is ready two minutes after helm install", async () => {
    await helm.run(
      "install",
      "holdfast",
      "charts/holdfast",
      "-n",
      system,
      "--create-namespace",
      "--set",
      "sessionTtl=1m",
    );
    await operatorsReady();
    await kubectl("wait", "hfbackend/default", "-n", system, "--for=create", "--timeout=60s");
    const ready = ["--for=condition=Ready", "--timeout=110s"];
    await kubectl("wait", "hfbackend/default", "-n", system, ...ready);
  });

  it("passes helm test, which takes a lock from a pod", async () => {
    const said = await helm.run("test", "holdfast", "-n", system, "--timeout", "170s");
    assert.match(said, /Phase:\s+Succeeded/);
  });

  it("puts a sidecar into the pods of a namespace with the label, and its locks are on localhost", async () => {
    await kubectl("create", "namespace", shop);
    await kubectl("label", "namespace", shop, "holdfast.dev/inject=enabled");
    await apply({
      ...{ apiVersion: "holdfast.dev/v1alpha1", kind: "DistributedLock" },
      metadata: { name: "orders" },
      spec: { mode: "Mutex", ttl: "1h" },
    });
    // Without a word of its end its lock would be kept for the session: longer than a kubelet ever takes.
    await start("first", { lock: "42", annotations: { "holdfast.dev/session-ttl": "1m" } });
    await wroteAt("first", "granted");
    const order = await inShop(
      "get",
      "pod",
      "first",
      "-o",
      "jsonpath={.spec.initContainers[*].name}",
    );
    assert.equal(order, "holdfast");
    // The app's very first call was answered: it started when locks could be taken.
    assert.doesNotMatch(await logs("first"), /failed/);
  });

  it("shows who holds, in kubectl", async () => {
    await inShop("wait", "hflock/orders", "--for=condition=Ready", "--timeout=60s");
    await until(
      "the holder to be counted",
      async () => (await inShop("get", "hflock/orders", "-o", "jsonpath={.status.held}")) === "1",
      { withinMs: 90_000 },
    );
  });

  it("gives a deleted pod's lock to the next waiter at once, after the app has ended", async () => {
    await start("second", { lock: "42" });
    await wroteAt("second", "asking");
    const [endedAt] = await Promise.all([
      wroteAtTheEnd("first"),
      inShop("delete", "pod", "first", "--wait=false"),
    ]);
    const grantedAt = await wroteAt("second", "granted", 60_000);
    console.log(
      `      next waiter granted ${grantedAt - endedAt} ms after the app's end (ttl 1 h)`,
    );
    assert.ok(grantedAt > endedAt, "the lock was given on while the app still ran");
    assert.ok(grantedAt - endedAt < 30_000, "it was left to the session's end");
  });

  it("lets a Job end whose pod has a sidecar", async () => {
    await apply(jobWithLock("nightly"));
    await inShop("wait", "job/nightly", "--for=condition=Complete", "--timeout=110s");
  });

  it("restarts a killed sidecar without the operator: its app loses the lock truthfully, and gets it again", async () => {
    await operators(0);
    const gone = ["-l", "app.kubernetes.io/component=operator", "-n", system, "--for=delete"];
    await kubectl("wait", "pod", ...gone, "--timeout=110s");
    process.kill(sidecarOf("second"), "SIGKILL");
    await wroteAt("second", "lost");
    await wroteAt("second", "regranted");
    const count = "jsonpath={.status.initContainerStatuses[0].restartCount}";
    assert.equal(await inShop("get", "pod", "second", "-o", count), "1");
  });

  it("starts no pod without the sidecar that it asked for, and touches nobody else, while no operator is there", async () => {
    await assert.rejects(start("third", { lock: "43" }), /holdfast/);
    await kubectl(
      "run",
      "stranger",
      "--image",
      imageOf("busybox"),
      "--image-pull-policy=Never",
      "--restart=Never",
      "-n",
      "default",
      "--",
      "true",
    );
    await kubectl(
      "wait",
      "pod/stranger",
      "-n",
      "default",
      "--for=jsonpath={.status.phase}=Succeeded",
      "--timeout=60s",
    );
    await operators(2);
    await operatorsReady();
  });

  /** Follows its log, which is gone with the pod. */
  async function wroteAtTheEnd(pod: string): Promise<number> {
    const all = await inShop("logs", pod, "-c", "app", "--follow");
    const line = all.split("\n").find((each) => each.startsWith("ending "));
    assert.ok(line, all);
    return Number(line.split(" ")[1]);
  }
});

/** The process of a pod's sidecar, as this machine sees it. */
function sidecarOf(pod: string): number {
  const found = readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, "utf8")
        .split("\0")
        .includes(`HOLDFAST_POD=${pod}`);
    } catch {
      return false; // it has ended, or is the kernel's
    }
  });
  assert.equal(found.length, 1, `processes of ${pod}'s sidecar: ${found.join()}`);
  return Number(found[0]);
}
