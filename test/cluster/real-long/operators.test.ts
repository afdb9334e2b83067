/** What happens to operators while pods are asked for without a pause: each pod gets its sidecar or an honest refusal, and no app loses a lock. */
import assert from "node:assert/strict";
import { until } from "#tools/cluster/until.ts";
import { AskedPods, type Span } from "../real/asked-pods.ts";
import { Installation, system } from "../real/installation.ts";
import { ShownAuthority } from "../real/shown-authority.ts";
import { endForWantOfMemory, processWith } from "../real/out-of-memory.ts";

const shop = "shop";
const operators = ["-l", "app.kubernetes.io/component=operator", "-n", system];

describe("operators that come and go while pods are made", function () {
  this.timeout(300_000);
  let made: Installation;
  let pods: AskedPods;

  const kubectl = (...args: readonly string[]): Promise<string> => made.kubectl(...args);

  before(async () => {
    made = await Installation.prepare();
    // etcd is restarted here, and a busy machine takes its time: a session that ends meanwhile is another test's.
    await made.install("--set", "sessionTtl=10m");
    await made.openNamespace(shop);
    await made.start(shop, "keeper", {
      lock: "42",
      annotations: { "holdfast.dev/session-ttl": "10m" },
    });
    await made.wroteAt({ namespace: shop, pod: "keeper" }, "granted");
    pods = await AskedPods.start(made, shop);
    await pods.oneMore();
  });
  after(async () => {
    await pods?.[Symbol.asyncDispose]();
    // Absent where it could not be started, which has been told then.
    await made?.close();
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await made.tell();
  });

  it("refuse no pod while they are replaced, one by one", async () => {
    const former = await names();
    const span = await pods.during(async () => {
      await kubectl("rollout", "restart", "deployment/holdfast-operator", "-n", system);
      await made.operatorsReady();
      await kubectl("wait", ...former, "-n", system, "--for=delete", "--timeout=60s");
      await pods.oneMore();
    });
    tell("rolled", span);
    assert.deepEqual(span.refusals, []);
  });

  it("refuse no pod while one is evicted, and the other may not be evicted meanwhile", async () => {
    const [one = "", other = ""] = await names();
    const span = await pods.during(async () => {
      await evict(one);
      await assert.rejects(evict(other), /disruption budget/);
      await kubectl("wait", one, "-n", system, "--for=delete", "--timeout=60s");
      await made.operatorsReady();
      await pods.oneMore();
    });
    tell("evicted", span);
    assert.deepEqual(span.refusals, []);
  });

  it("refuse honestly, if at all, while one is ended for want of memory", async () => {
    const [one = ""] = await names();
    const last = "jsonpath={.status.containerStatuses[0].lastState.terminated.reason}";
    const span = await pods.during(async () => {
      await endForWantOfMemory(processWith("HOSTNAME", one.replace(/^pod\//, "")));
      await until("the kubelet to tell", async () => {
        const reason = await kubectl("get", one, "-n", system, "-o", last);
        return reason === "OOMKilled";
      });
      await made.operatorsReady();
      await pods.oneMore();
    });
    tell("out of memory", span);
    for (const { problem } of span.refusals) assert.match(problem ?? "", /failed calling webhook/);
  });

  it("refuse no pod while their authority is renewed, and all that they show with it", async () => {
    const authority = new ShownAuthority(made);
    const former = await authority.read();
    const span = await pods.during(async () => {
      await authority.announce();
      await authority.nextStep("promoted", ({ issuer }) => issuer !== former.issuer);
      await authority.nextStep("alone", ({ trusted }) => trusted.length === 1);
      await pods.oneMore();
    });
    tell("authority renewed", span);
    assert.deepEqual(span.refusals, []);
  });

  it("have given all pods their sidecar, and no app has lost its lock", async () => {
    const job = await pods.job();
    console.log(`      ${job.succeeded} pods took a lock and ended meanwhile`);
    assert.deepEqual({ failed: job.failed, without: job.without }, { failed: 0, without: [] });
    const log = await made.logs(shop, "keeper");
    const words = log
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[0]);
    assert.deepEqual(words, ["asking", "granted"]);
  });

  async function names(): Promise<string[]> {
    const ready = await kubectl("get", "pods", ...operators, "-o", "name");
    return ready.trim().split("\n");
  }

  function evict(pod: string): Promise<string> {
    const name = pod.replace(/^pod\//, "");
    const eviction = {
      ...{ apiVersion: "policy/v1", kind: "Eviction" },
      metadata: { name, namespace: system },
    };
    const path = `/api/v1/namespaces/${system}/pods/${name}/eviction`;
    return made.cluster.kubectl.run(["create", "--raw", path, "-f", "-"], JSON.stringify(eviction));
  }

  function tell(what: string, { asked, refusals, outMs, slowestMs }: Span): void {
    const numbers = `${asked} asked, ${refusals.length} refused, out for ${Math.round(outMs)} ms`;
    console.log(`      ${what}: ${numbers}, slowest answer ${Math.round(slowestMs)} ms`);
    for (const { problem } of refusals.slice(0, 5)) console.log(`        ${problem ?? ""}`);
  }
});
