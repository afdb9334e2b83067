/**
 * The charts installed by each helm on a real API server: what it makes of them, and an operator that runs with the variables
 * of the chart's Deployment, under its account. There is no kubelet, so nothing waits for pods.
 */
import assert from "node:assert/strict";
import { EtcdGateway } from "#test/support/etcd-gateway.ts";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { kubeconfigOfFiles, operatorUser } from "#test/support/kube/operator-role.ts";
import { OperatorProcess } from "#test/support/operator-process.ts";
import { Helm } from "#tools/cluster/helm.ts";
import { startLight, type LightCluster } from "#tools/cluster/light/light-cluster.ts";
import { until } from "#tools/cluster/until.ts";
import { fetchHelm, type HelmMajor } from "#tools/fetch/helm.ts";
import { isOldest } from "../crds-applied.ts";
import { recordKeyOf } from "../operator-stage.ts";
import {
  chart,
  crdChart,
  documentsOf,
  helmMajors,
  namespace,
  release,
  setArgs,
  variablesOf,
  type Rendered,
  type Sets,
} from "./chart.ts";

const clusterName = `${release}-${namespace}`;
const crds = ["backends.holdfast.dev", "distributedlocks.holdfast.dev"];
const inRelease = ["-n", namespace];
const scoped = [
  ["MutatingWebhookConfiguration", "mutatingwebhookconfiguration"],
  ["ValidatingAdmissionPolicy", "validatingadmissionpolicy"],
  ["ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybinding"],
] as const;

/** One API server for all, one etcd for the data. Each test leaves no release behind. */
class Stage implements AsyncDisposable {
  readonly cluster: LightCluster;
  readonly etcd: EtcdServer;
  readonly raw: EtcdGateway;
  readonly #stack: AsyncDisposableStack;

  private constructor(cluster: LightCluster, etcd: EtcdServer, stack: AsyncDisposableStack) {
    this.cluster = cluster;
    this.etcd = etcd;
    this.raw = new EtcdGateway(etcd.endpoint);
    this.#stack = stack;
  }

  static async start(): Promise<Stage> {
    await using stack = new AsyncDisposableStack();
    const kubernetes = isOldest ? "kubernetes-oldest" : "kubernetes";
    const cluster = stack.use(await startLight({ kubernetes, audit: [operatorUser] }));
    const etcd = stack.use(await EtcdServer.start({ noFsync: true }));
    await until("the first service account", async () => {
      const asked = await cluster.kubectl.ask(["get", "serviceaccount", "default"]);
      return asked.code === 0;
    });
    return new Stage(cluster, etcd, stack.move());
  }

  get external(): Sets {
    return {
      "etcd.managed.enabled": false,
      "etcd.external.endpoints": [this.etcd.endpoint],
      sessionTtl: "3s",
    };
  }

  async helm(major: HelmMajor): Promise<Helm> {
    const { path: program } = await fetchHelm(major);
    const { kubeconfig, folder } = this.cluster;
    return new Helm({ program, kubeconfig, folder });
  }

  kubectl(...args: readonly string[]): Promise<string> {
    return this.cluster.kubectl.run(args);
  }

  async object(kind: string, name: string, where = ""): Promise<Rendered> {
    const place = where === "" ? [] : ["-n", where];
    return JSON.parse(await this.kubectl("get", kind, name, ...place, "-o", "json")) as Rendered;
  }

  async isThere(kind: string, name: string, where = namespace): Promise<boolean> {
    return (await this.cluster.kubectl.ask(["get", kind, name, "-n", where])).code === 0;
  }

  /** With the variables of the Deployment and a token of its account; at ports of its own. */
  async operator(): Promise<OperatorProcess> {
    const deployment = await this.object("deployment", "holdfast-operator", namespace);
    const values = variablesOf([deployment]).flatMap(({ name, value }) =>
      value === undefined ? [] : [[name, value] as const],
    );
    const { cluster, etcd } = this;
    const token = (
      await this.kubectl("create", "token", "holdfast-operator", ...inRelease, "--duration=4h")
    ).trim();
    const files = await kubeconfigOfFiles(cluster, { server: cluster.url, called: "chart", token });
    const anywhere = "127.0.0.1:0";
    return OperatorProcess.start({
      kubeconfig: files.kubeconfig,
      etcd: etcd.endpoint,
      env: {
        HOLDFAST_ETCD_ENDPOINTS: "", // unless the chart says where
        ...Object.fromEntries(values),
        HOLDFAST_NAMESPACE: namespace,
        HOLDFAST_WEBHOOK_ADDRESS: anywhere,
        HOLDFAST_IDENTITY_ADDRESS: anywhere,
      },
    });
  }

  async pool(name: string, where = "default"): Promise<void> {
    const pool = {
      ...{ apiVersion: "holdfast.dev/v1alpha1", kind: "DistributedLock" },
      ...{ metadata: { name, namespace: where }, spec: { mode: "Mutex" } },
    };
    await this.cluster.kubectl.run(["apply", "-f", "-"], JSON.stringify(pool));
  }

  async ready(name: string, where = "default"): Promise<void> {
    const condition = ["--for=condition=Ready", "--timeout=60s"];
    await this.kubectl("wait", "hflock", name, "-n", where, ...condition);
  }

  async forbidden(): Promise<string[]> {
    return (await this.cluster.audited())
      .filter(({ code }) => code === 403)
      .map(({ verb, resource, namespace: where, name }) => `${verb} ${resource} ${where} ${name}`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack[Symbol.asyncDispose]();
  }
}

/** What the API server and helm note about an object; the rest is what was sent. */
function asSent(object: Rendered): object {
  const { annotations = {}, labels, name, namespace: where } = object.metadata;
  const own = Object.entries(annotations).filter(([key]) => !key.startsWith("meta.helm.sh/"));
  const metadata = {
    name,
    ...(where !== undefined && { namespace: where }),
    ...(labels !== undefined && { labels }),
    ...(own.length > 0 && { annotations: Object.fromEntries(own) }),
  };
  const { status: _status, ...rest } = object;
  return { ...rest, metadata };
}

describe("the chart on an API server", function () {
  this.timeout(180_000);
  let stage: Stage;

  before(async () => {
    stage = await Stage.start();
  });
  // Absent where it could not be started, which has been told then.
  after(() => stage?.[Symbol.asyncDispose]());

  for (const major of helmMajors) {
    describe(`by helm ${major}`, () => {
      let helm: Helm;
      before(async () => {
        helm = await stage.helm(major);
      });
      // Of a test that failed before it did so itself.
      after(async () => {
        for (const one of [release, "holdfast-crds"]) await helm.ask("uninstall", one, ...inRelease);
      });
      const install = (sets: Sets) =>
        helm.run("install", release, chart, ...inRelease, "--create-namespace", ...setArgs(sets));
      const bundles = async (): Promise<(string | undefined)[]> => {
        const { webhooks } = (await stage.object(scoped[0][1], clusterName)) as unknown as {
          webhooks: { clientConfig: { caBundle?: string } }[];
        };
        return webhooks.map(({ clientConfig }) => clientConfig.caBundle);
      };

      it("is installed, and tells the next commands and what to know", async () => {
        const said = await install(stage.external);
        assert.match(said, /kubectl get pods,hfbackend -n holdfast-system/);
        assert.match(said, /kubectl label namespace default holdfast\.dev\/inject=enabled/);
        assert.match(said, /helm test holdfast -n holdfast-system/);
        assert.match(said, /etcd does not keep namespaces apart\. .*Isolated=False/);
        assert.match(said, /is not encrypted/);
        assert.doesNotMatch(said, /one member/);
        for (const name of crds)
          await stage.kubectl("wait", "crd", name, "--for=condition=Established", "--timeout=60s");
      });

      it("is stored as it was rendered: nothing would be applied for ever", async () => {
        const rendered = documentsOf(await helm.run("get", "manifest", release, ...inRelease));
        for (const [kind, plural] of scoped) {
          const all = rendered.filter((document) => document.kind === kind);
          assert.ok(all.length > 0, kind);
          for (const sent of all)
            assert.deepEqual(asSent(await stage.object(plural, sent.metadata.name)), sent, kind);
        }
      });

      it("starts an operator with its variables, under its account, and nothing is forbidden", async () => {
        await using operator = await stage.operator();
        await stage.pool("orders");
        await stage.ready("orders");
        const backend = await stage.object("hfbackend", "default", namespace);
        assert.equal((backend["spec"] as { type: string }).type, "etcd");
        const lease = await stage.object("lease", "holdfast-operator", namespace);
        assert.ok(lease.metadata.name !== "");
        assert.deepEqual(await stage.forbidden(), []);
        await until("it to be ready", async () => {
          const { status, text } = await operator.health.get("/readyz");
          if (status !== 200) throw new Error(text);
          return true;
        });
        await until("whom to trust to be written", async () =>
          (await bundles()).every((one) => one !== undefined),
        );
        // It gives the Lease back: the next need not wait for its end.
        await operator.terminate();
      });

      it("refuses other values of the label, and says what to write", async () => {
        const refused = /the label holdfast\.dev\/inject is yes, .*write enabled for a sidecar, disabled for none/;
        const label = ["label", "namespace", "default", "--overwrite", "--dry-run=server"];
        await until("the policy to be in force", async () => {
          const { code, err } = await stage.cluster.kubectl.ask([
            ...label,
            "holdfast.dev/inject=yes",
          ]);
          return code !== 0 && refused.test(err);
        });
        for (const value of ["enabled", "disabled"])
          await stage.kubectl(...label, `holdfast.dev/inject=${value}`);
        await stage.kubectl(...label, "holdfast.dev/other=yes");
        const pod = (value: string) =>
          JSON.stringify({
            ...{ apiVersion: "v1", kind: "Pod" },
            metadata: { name: "app", namespace, labels: { "holdfast.dev/inject": value } },
            spec: { containers: [{ name: "app", image: "app" }] },
          });
        // Its own namespace is no matter of the webhooks, which elsewhere say no first.
        const create = ["create", "--dry-run=server", "-f", "-"];
        await until("the pod's service account", () =>
          stage.isThere("serviceaccount", "default"),
        );
        const { code, err } = await stage.cluster.kubectl.ask(create, pod("yes"));
        assert.notEqual(code, 0);
        assert.match(err, refused);
        await stage.cluster.kubectl.run(create, pod("disabled"));
      });

      it("keeps the image of a running pod's sidecar, whose end would give back what its app holds", async () => {
        const [name, image] = ["sidecar-kept", "registry.example/sidecar:1"];
        const labels = { "holdfast.dev/sidecar": "injected" };
        const container = { image, restartPolicy: "Always" };
        const pod = {
          ...{ apiVersion: "v1", kind: "Pod", metadata: { name, namespace, labels } },
          spec: {
            initContainers: [{ ...container, name: "holdfast" }, { ...container, name: "other" }],
            containers: [{ name: "app", image }],
          },
        };
        await stage.cluster.kubectl.run(["create", "-f", "-"], JSON.stringify(pod));
        const change = ["set", "image", `pod/${name}`, ...inRelease];
        const refused = /the image of the container holdfast cannot be changed .*kubectl rollout restart/;
        await until("the policy to be in force", async () => {
          const dry = [...change, "holdfast=registry.example/sidecar:2", "--dry-run=server"];
          const { code, err } = await stage.cluster.kubectl.ask(dry);
          return code !== 0 && refused.test(err);
        });
        await stage.kubectl(...change, "app=registry.example/app:2", "other=registry.example/app:2");
        await stage.kubectl("annotate", "pod", name, ...inRelease, "some=thing");
        await stage.kubectl("delete", "pod", name, ...inRelease, "--force", "--grace-period=0");
      });

      it("keeps a pod from starting without the sidecar that it asked for", async () => {
        const pod = {
          ...{ apiVersion: "v1", kind: "Pod" },
          metadata: { name: "app", namespace: "default", labels: { "holdfast.dev/inject": "enabled" } },
          spec: { containers: [{ name: "app", image: "app" }] },
        };
        const create = ["create", "--dry-run=server", "-f", "-"];
        await until("the webhooks to be in force", async () => {
          const { code, err } = await stage.cluster.kubectl.ask(create, JSON.stringify(pod));
          return code !== 0 && /failed calling webhook "pod\.inject\.holdfast\.dev"/.test(err);
        });
        await stage.cluster.kubectl.run(
          create,
          JSON.stringify({ ...pod, metadata: { ...pod.metadata, labels: {} } }),
        );
      });

      it("renders what the API server takes, with all that can be switched on, under `restricted`", async () => {
        const sets = {
          ...{ "networkPolicies.enabled": true, "metrics.dashboard.enabled": true },
          "networkPolicies.apiServerCidrs": ["10.0.0.0/8"],
          "networkPolicies.webhookCidrs": ["10.0.0.1/32"],
          "networkPolicies.metricsNamespaces": ["monitoring"],
          "operator.priorityClassName": "system-cluster-critical",
          "operator.env": [{ name: "HTTPS_PROXY", value: "http://proxy:3128" }],
          "operator.volumes": [{ name: "scratch", emptyDir: {} }],
          "operator.volumeMounts": [{ name: "scratch", mountPath: "/scratch" }],
        };
        const relabel = (value: string) =>
          stage.kubectl(
            ...["label", "namespace", namespace, "--overwrite"],
            ...["enforce", "warn"].map((how) => `pod-security.kubernetes.io/${how}${value}`),
          );
        await relabel("=restricted");
        for (const more of [{}, stage.external]) {
          const args = ["-n", namespace, "--kube-version", "1.37.2"];
          const text = await helm.run("template", release, chart, ...args, ...setArgs({ ...sets, ...more }));
          const apply = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-"];
          const { code, out, err } = await stage.cluster.kubectl.ask(apply, text);
          assert.equal(code, 0, err);
          assert.equal(err, "", "a warning");
          for (const kind of ["deployment", "networkpolicy", "pod", "distributedlock", "poddisruptionbudget"])
            assert.match(out, new RegExp(`^${kind}`, "m"));
        }
        await relabel("-");
      });

      it("is upgraded and rolled back, and leaves the authority that the operator has written", async () => {
        const written = await bundles();
        assert.ok(written.length === 2 && written.every((one) => one !== undefined));
        const replicas = async () => {
          const { spec } = (await stage.object("deployment", "holdfast-operator", namespace)) as unknown as {
            spec: { replicas: number };
          };
          return spec.replicas;
        };
        const sets = setArgs({ ...stage.external, "operator.replicas": 3, commonLabels: { team: "a" } });
        await helm.run("upgrade", release, chart, ...inRelease, ...sets);
        assert.deepEqual(await bundles(), written);
        assert.equal(await replicas(), 3);
        await helm.run("rollback", release, "1", ...inRelease);
        assert.deepEqual(await bundles(), written);
        assert.equal(await replicas(), 2);
      });

      it("leaves CRDs, resources, the Backend and the data when it is uninstalled", async () => {
        assert.ok((await stage.raw.get(recordKeyOf("orders"))) !== undefined);
        await helm.run("uninstall", release, ...inRelease);
        for (const [, plural] of scoped) assert.equal(await stage.isThere(plural, clusterName), false);
        for (const kind of ["deployment", "service", "serviceaccount", "role", "poddisruptionbudget"])
          assert.equal(await stage.isThere(kind, "holdfast-operator"), false, kind);
        assert.ok(await stage.isThere("hfbackend", "default"));
        assert.ok(await stage.isThere("hflock", "orders", "default"));
        assert.ok((await stage.raw.get(recordKeyOf("orders"))) !== undefined);
      });

      it("serves some namespaces, with rights in these only", async () => {
        for (const name of ["a", "b", "c"])
          if (!(await stage.isThere("namespace", name))) await stage.kubectl("create", "namespace", name);
        const before = (await stage.forbidden()).length;
        await install({ ...stage.external, namespaces: ["a", "b"] });
        {
          await using operator = await stage.operator();
          for (const where of ["c", "a", "b"]) await stage.pool("some", where);
          await stage.ready("some", "a");
          await stage.ready("some", "b");
          const { status } = await stage.object("hflock", "some", "c");
          assert.equal(status, undefined);
          await operator.terminate();
        }
        const can = ["auth", "can-i", `--as=${operatorUser}`, "patch", "hflock", "--subresource=status"];
        assert.equal((await stage.kubectl(...can, "-n", "a")).trim(), "yes");
        assert.equal((await stage.cluster.kubectl.ask([...can, "-n", "c"])).out.trim(), "no");
        assert.deepEqual((await stage.forbidden()).slice(before), []);
        await helm.run("uninstall", release, ...inRelease);
        for (const where of ["a", "b", "c"]) await stage.kubectl("delete", "hflock", "some", "-n", where);
      });

      it("takes its CRDs from their own chart, where they are kept apart", async () => {
        const takeOver = ["--take-ownership"];
        await helm.run("install", "holdfast-crds", crdChart, ...inRelease, ...takeOver);
        await install({ ...stage.external, "crds.install": false });
        const crd = await stage.object("crd", "backends.holdfast.dev");
        assert.equal(crd.metadata.annotations?.["meta.helm.sh/release-name"], "holdfast-crds");
        await helm.run("uninstall", release, ...inRelease);
        await helm.run("uninstall", "holdfast-crds", ...inRelease);
        assert.ok(await stage.isThere("crd", "backends.holdfast.dev"));
        // So that the next one may own them again.
        for (const name of crds) await stage.kubectl("delete", "crd", name);
      });
    });
  }

  it("has the operator run an etcd, unless it is told of another, and leaves that behind", async () => {
    const helm = await stage.helm("4");
    const sets = setArgs({ "etcd.managed.storage.size": "5Gi", "image.registry": "images.example" });
    await helm.run("install", release, chart, ...inRelease, "--create-namespace", ...sets);
    {
      await using operator = await stage.operator();
      const set = await until("the StatefulSet", () =>
        stage.object("statefulset", "holdfast-etcd", namespace),
      );
      const text = JSON.stringify(set["spec"]);
      assert.match(text, /"image":"images\.example\/holdfast-etcd:/);
      assert.match(text, /"storage":"5Gi"/);
      await operator.terminate();
    }
    assert.deepEqual(await stage.forbidden(), []);
    await helm.run("uninstall", release, ...inRelease);
    assert.ok(await stage.isThere("statefulset", "holdfast-etcd"));
    await stage.kubectl("delete", "statefulset", "holdfast-etcd", ...inRelease);
    await stage.kubectl("delete", "hfbackend", "default", ...inRelease);
    for (const name of crds) await stage.kubectl("delete", "crd", name);
  });

  it("is upgraded by helm 4 where helm 3 has installed it", async () => {
    const [three, four] = [await stage.helm("3"), await stage.helm("4")];
    const sets = setArgs(stage.external);
    await three.run("install", release, chart, ...inRelease, "--create-namespace", ...sets);
    await four.run("upgrade", release, chart, ...inRelease, ...sets, "--set", "logging.level=debug");
    const deployment = await stage.object("deployment", "holdfast-operator", namespace);
    const level = variablesOf([deployment]).find(({ name }) => name === "HOLDFAST_LOG_LEVEL");
    assert.equal(level?.value, "debug");
    await four.run("uninstall", release, ...inRelease);
  });
});
