/**
 * An installation from its first day to its last, while an app holds a lock: installed by helm 3, upgraded, rolled back,
 * uninstalled, taken up again by helm 4, and removed as docs/operations/uninstall.md says. Then another one, on an etcd that
 * somebody else runs, removed in the other order.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { CertifiedEtcd } from "#test/support/etcd-by-certificates.ts";
import { keyPem } from "#operator/identity/x509/certificate.ts";
import { hostAddress } from "#tools/cluster/real/site.ts";
import { fetchEtcdProgram } from "#tools/fetch/etcd.ts";
import { until } from "#tools/cluster/until.ts";
import { holdingDeployment } from "../real/apps.ts";
import { Installation, system } from "../real/installation.ts";
import { blocksBelow, type as typeIn } from "../real/typed.ts";

const shop = "shop";
const chart = ["holdfast", "charts/holdfast", "-n", system];
const page = "docs/operations/uninstall.md";
const podsFirst = "All of it, the pods first";
const releaseFirst = "All of it, the release first";

describe("an installation from its first day to its last", function () {
  this.timeout(300_000);
  let made: Installation;

  const kubectl = (...args: readonly string[]): Promise<string> => made.kubectl(...args);
  const type = (block: string): Promise<string> => typeIn(made, block);
  const isThere = async (...what: readonly string[]): Promise<boolean> =>
    (await made.cluster.kubectl.ask(["get", ...what])).code === 0;
  const wroteAt = (pod: string, word: string): Promise<number> =>
    made.wroteAt({ namespace: shop, pod }, word);

  before(async () => {
    made = await Installation.prepare({ helm: "3" });
  });
  // Absent where it could not be started, which has been told then.
  after(() => made?.close());
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await made.tell();
  });

  it("is installed by helm 3, and an app takes a lock", async () => {
    await made.install();
    await made.openNamespace(shop);
    await made.start(shop, "keeper", { lock: "42" });
    await wroteAt("keeper", "granted");
    await asksForLongSession(/session-ttl/);
  });

  it("is upgraded: operators come with the changed values, and the lock stays held", async () => {
    const former = await operators();
    const sets = {
      "logging.level": "debug",
      sessionTtl: "30s",
      "operator.resources.limits.memory": "400Mi",
    };
    const args = Object.entries(sets).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
    await made.helm.run("upgrade", ...chart, "--reset-then-reuse-values", ...args);
    await rolled(former);
    const limits = "jsonpath={.items[*].spec.containers[0].resources.limits.memory}";
    assert.equal(await kubectl("get", "pods", ...ofOperators, "-o", limits), "400Mi 400Mi");
    await asksForLongSession();
    await stillHeld();
  });

  it("is rolled back: operators come as they were, and the lock stays held", async () => {
    const former = await operators();
    await made.helm.run("rollback", "holdfast", "1", "-n", system);
    await rolled(former);
    await asksForLongSession(/session-ttl/);
    await stillHeld();
  });

  let left: Left;

  it("is uninstalled: what has data in it stays, and the lock stays held", async () => {
    left = await whatStays();
    await made.helm.run("uninstall", "holdfast", "-n", system, "--wait");
    await kubectl("wait", "pod", ...ofOperators, "--for=delete", "--timeout=110s");
    assert.equal(await isThere("deployment,service", "holdfast-operator", "-n", system), false);
    assert.equal(await isThere("mutatingwebhookconfiguration", "holdfast-holdfast-system"), false);
    assert.deepEqual(await whatStays(), left);
    await stillHeld();
    // Nobody is asked about pods any more.
    assert.equal(await sidecarWouldBe(), "");
  });

  it("is installed again, by helm 4, and takes up what was left: the next fence is higher, the lock still held", async () => {
    await made.useHelm("4");
    await made.install();
    assert.deepEqual(await whatStays(), left);
    await stillHeld();
    await until("a sidecar to be put in", async () => (await sidecarWouldBe()) === "holdfast");
    await made.start(shop, "second", { lock: "42" });
    await wroteAt("second", "asking");
    await kubectl("delete", "pod", "keeper", "-n", shop, "--wait=false");
    await wroteAt("second", "granted");
    assert.ok((await fenceOf("second")) > left.fence, "a fence that is not higher");
  });

  it("is removed by the page's commands, the pods first, and nothing is left", async () => {
    await kubectl("delete", "pod", "second", "-n", shop);
    await made.apply(shop, holdingDeployment("worker", "7"));
    await kubectl("rollout", "status", "deployment/worker", "-n", shop, "--timeout=110s");
    const [list = "", relabel = "", remove = ""] = blocksBelow(podsFirst, page);
    assert.match(await type(list), /shop\s+worker-.*\n[^]*\nshop\s/);
    await type(relabel.replaceAll("NAMESPACE", shop));
    await until("no pod to be named any more", async () => !/worker-/.test(await type(list)), {
      withinMs: 110_000,
    });
    await type(remove);
    await nothingIsLeft();
  });

  describe("on an etcd that somebody else runs", () => {
    let etcd: CertifiedEtcd;

    before(async () => {
      etcd = await CertifiedEtcd.start(hostAddress);
    });
    after(() => etcd?.[Symbol.asyncDispose]());

    it("is installed with endpoints and Secrets, and a pod's lock is kept there", async () => {
      const { authority, root } = etcd;
      const at = (name: string): string => path.join(made.cluster.folder, name);
      for (const [name, text] of Object.entries({
        "ca.crt": authority.certificate,
        "ca.key": keyPem(authority.key),
        "admin.crt": root.cert,
        "admin.key": root.key,
      }))
        await writeFile(at(name), text, { mode: 0o600 });
      const secret = (kind: string, name: string, ...from: readonly string[]) =>
        kubectl("create", "secret", kind, name, "-n", system, ...from);
      await kubectl("create", "namespace", system);
      await secret("generic", "etcd-ca", `--from-file=${at("ca.crt")}`);
      const pair = (name: string) => [`--cert=${at(`${name}.crt`)}`, `--key=${at(`${name}.key`)}`];
      await secret("tls", "etcd-admin", ...pair("admin"));
      await secret("tls", "etcd-issuer", ...pair("ca"));
      const external = {
        endpoints: [etcd.endpoint],
        ...{ caSecret: "etcd-ca", adminSecret: "etcd-admin", issuerSecret: "etcd-issuer" },
      };
      const values = { managed: { enabled: false }, external };
      await made.install("--set-json", `etcd=${JSON.stringify(values)}`);
      assert.equal(await isThere("statefulset", "holdfast-etcd", "-n", system), false);
      await kubectl("label", "namespace", shop, "holdfast.dev/inject=enabled");
      await made.openPool(shop);
      await made.start(shop, "first", { lock: "42" });
      await wroteAt("first", "granted");
      const keys = await etcd.as(etcd.root, [
        "get",
        "--prefix",
        "--keys-only",
        "/holdfast/v1/data/shop/",
      ]);
      assert.match(keys, /orders/);
    });

    it("is removed by the page's commands, the release first: a pod that runs keeps its lock meanwhile", async () => {
      const [remove = ""] = blocksBelow(releaseFirst, page);
      const [uninstall = "", ...others] = remove.split("\n");
      await type(uninstall);
      await kubectl("wait", "pod", ...ofOperators, "--for=delete", "--timeout=110s");
      assert.deepEqual(await wordsOf("first"), ["asking", "granted"]);
      await type(others.join("\n"));
      await nothingIsLeft();
      // It has no etcd of ours to miss.
      assert.equal(await kubectl("get", "pod", "first", "-n", shop, "-o", phase), "Running");
      await kubectl("delete", "namespace", shop, "--timeout=110s");
    });

    it("leaves users and keys in that etcd, for which the page has commands, too", async () => {
      const users = () => etcd.as(etcd.root, ["user", "list"]);
      assert.match(await users(), /^ns:shop$/m);
      const at = (name: string): string => path.join(made.cluster.folder, name);
      const [, , , clean = ""] = blocksBelow(podsFirst, page);
      const { path: etcdctl } = await fetchEtcdProgram("etcdctl", { version: "3.7" });
      await typeIn(made, clean, {
        programs: [path.dirname(etcdctl)],
        env: {
          ...{ ETCDCTL_ENDPOINTS: etcd.endpoint, ETCDCTL_CACERT: at("ca.crt") },
          ...{ ETCDCTL_CERT: at("admin.crt"), ETCDCTL_KEY: at("admin.key") },
        },
      });
      assert.equal(await users(), "root\n");
      assert.doesNotMatch(await etcd.as(etcd.root, ["role", "list"]), /ns:/);
      assert.equal(await etcd.as(etcd.root, ["get", "--prefix", "--keys-only", "/holdfast/"]), "");
    });
  });

  const phase = "jsonpath={.status.phase}";
  const ofOperators = ["-l", "app.kubernetes.io/component=operator", "-n", system];

  const operators = async (): Promise<string[]> =>
    (await kubectl("get", "pods", ...ofOperators, "-o", "name")).trim().split("\n");

  async function rolled(former: readonly string[]): Promise<void> {
    await made.operatorsReady();
    await kubectl("wait", ...former, "-n", system, "--for=delete", "--timeout=110s");
  }

  const wordsOf = async (pod: string): Promise<string[]> =>
    (await made.logs(shop, pod))
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[0] ?? "");

  async function fenceOf(pod: string): Promise<bigint> {
    const line = (await made.logs(shop, pod))
      .split("\n")
      .find((each) => each.startsWith("granted "));
    return BigInt(line?.split(" ")[2] ?? "");
  }

  /** By the app's own words, which asks three times a second; and by what its sidecar says of the lock. */
  async function stillHeld(): Promise<void> {
    assert.deepEqual(await wordsOf("keeper"), ["asking", "granted"]);
    const asks =
      'fetch("http://localhost:4653/v1/locks/orders/42").then((it) => it.text()).then(console.log)';
    const said = await kubectl(
      "exec",
      "keeper",
      "-n",
      shop,
      "-c",
      "app",
      "--",
      "node",
      "--eval",
      asks,
    );
    const { holders } = JSON.parse(said) as { holders: { pod: string; fence: string }[] };
    assert.deepEqual(
      holders.map(({ pod, fence }) => [pod, BigInt(fence)]),
      [["keeper", await fenceOf("keeper")]],
    );
  }

  /** Whether the operators that answer are those with the longer session. `refused`: not these. */
  async function asksForLongSession(refused?: RegExp): Promise<void> {
    const pod = wouldBe({ "holdfast.dev/session-ttl": "20s" });
    const { code, err } = await made.cluster.kubectl.ask(dryRun, pod);
    if (refused === undefined) assert.equal(code, 0, err);
    else assert.match(err, refused);
  }

  async function sidecarWouldBe(): Promise<string> {
    const names = "jsonpath={.spec.initContainers[*].name}";
    return made.cluster.kubectl.run([...dryRun, "-o", names], wouldBe({}));
  }

  interface Left {
    /** With uids, and of Secrets a mark of what is in them. */
    readonly objects: readonly string[];
    readonly fence: bigint;
  }

  async function whatStays(): Promise<Left> {
    const one = "{.kind} {.metadata.name} {.metadata.uid} {.data}{'\\n'}";
    const each = `jsonpath={range .items[*]}${one}{end}`;
    const kinds = ["statefulset,service,pvc,secret", "-l", "app.kubernetes.io/managed-by=holdfast"];
    const ours = await kubectl("get", ...kinds, "-n", system, "-o", each);
    const backend = await kubectl("get", "hfbackend", "-n", system, "-o", each);
    const locks = await kubectl("get", "hflock", "-A", "-o", each);
    const etcd = await kubectl(
      "get",
      "pod",
      "holdfast-etcd-0",
      "-n",
      system,
      "-o",
      `jsonpath=${one}`,
    );
    for (const name of ["ca-operator", "ca-clients", "ca-peers", "etcd-admin"])
      assert.match(ours, new RegExp(`^Secret holdfast-${name} `, "m"));
    // Of what is in a Secret only whether it is the same is anybody's business.
    const objects = (ours + backend + locks + etcd).split("\n").map((line) => {
      const [kind, name, uid, ...data] = line.split(" ");
      const mark = createHash("sha256").update(data.join(" ")).digest("hex").slice(0, 12);
      return [kind, name, uid, mark].join(" ");
    });
    return { objects, fence: await fenceOf("keeper") };
  }

  async function nothingIsLeft(): Promise<void> {
    assert.equal(await isThere("namespace", system), false);
    const scoped =
      "crd,clusterrole,clusterrolebinding,mutatingwebhookconfiguration,validatingadmissionpolicy,validatingadmissionpolicybinding";
    assert.doesNotMatch(await kubectl("get", scoped, "-o", "name"), /holdfast/);
  }
});

const dryRun = ["create", "-n", shop, "--dry-run=server", "-f", "-"];

const wouldBe = (annotations: Readonly<Record<string, string>>): string =>
  JSON.stringify({
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "would-be", annotations } },
    spec: { containers: [{ name: "app", image: "app" }] },
  });
