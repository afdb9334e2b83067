/** The whole of it: helm install, one label, localhost. The project's images and chart, and apps that know only localhost. */
import assert from "node:assert/strict";
import process from "node:process";
import { imageOf } from "#tools/cluster/real/site.ts";
import { until } from "#tools/cluster/until.ts";
import { jobWithLock } from "./apps.ts";
import { Installation, sidecarOf, system } from "./installation.ts";

const shop = "shop";

describe("helm install, one label, localhost", function () {
  this.timeout(400_000);
  let made: Installation;

  const kubectl = (...args: readonly string[]): Promise<string> => made.kubectl(...args);
  const inShop = (...args: readonly string[]): Promise<string> => kubectl(...args, "-n", shop);
  const wroteAt = (pod: string, word: string, withinMs?: number): Promise<number> =>
    made.wroteAt({ namespace: shop, pod }, word, withinMs);

  before(async () => {
    made = await Installation.prepare();
  });
  // Absent where it could not be started, which has been told then.
  after(() => made?.close());
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await made.tell();
  });

  it("is ready two minutes after helm install", async () => {
    await made.install("--set", "sessionTtl=1m");
  });

  it("passes helm test, which takes a lock from a pod", async () => {
    const said = await made.helm.run("test", "holdfast", "-n", system, "--timeout", "170s");
    assert.match(said, /Phase:\s+Succeeded/);
  });

  it("puts a sidecar into the pods of a namespace with the label, and its locks are on localhost", async () => {
    await made.openNamespace(shop);
    // Without a word of its end its lock would be kept for the session: longer than a kubelet ever takes.
    await made.start(shop, "first", {
      lock: "42",
      annotations: { "holdfast.dev/session-ttl": "1m" },
    });
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
    assert.doesNotMatch(await made.logs(shop, "first"), /failed/);
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
    await made.start(shop, "second", { lock: "42" });
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
    await made.apply(shop, jobWithLock("nightly"));
    await inShop("wait", "job/nightly", "--for=condition=Complete", "--timeout=110s");
  });

  it("restarts a killed sidecar without the operator: its app loses the lock truthfully, and gets it again", async () => {
    await made.scaleOperators(0);
    process.kill(sidecarOf("second"), "SIGKILL");
    await wroteAt("second", "lost");
    await wroteAt("second", "regranted");
    const count = "jsonpath={.status.initContainerStatuses[0].restartCount}";
    assert.equal(await inShop("get", "pod", "second", "-o", count), "1");
  });

  it("starts no pod without the sidecar that it asked for, and touches nobody else, while no operator is there", async () => {
    await assert.rejects(made.start(shop, "third", { lock: "43" }), /holdfast/);
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
    await made.scaleOperators(2);
  });

  /** Follows its log, which is gone with the pod. */
  async function wroteAtTheEnd(pod: string): Promise<number> {
    const all = await inShop("logs", pod, "-c", "app", "--follow");
    const line = all.split("\n").find((each) => each.startsWith("ending "));
    assert.ok(line, all);
    return Number(line.split(" ")[1]);
  }
});
