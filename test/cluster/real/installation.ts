/** A real cluster with the project's images, helm and a volume, and hands on what is installed there: for tests of whole installations. */
import path from "node:path";
import { fetchHelm, type HelmMajor } from "#tools/fetch/helm.ts";
import { Helm } from "#tools/cluster/helm.ts";
import { importProjectImages } from "#tools/cluster/real/project-images.ts";
import { startReal, type RealCluster } from "#tools/cluster/real/real-cluster.ts";
import { makeVolumes } from "#tools/cluster/real/storage.ts";
import { takeDown } from "#tools/cluster/take-down.ts";
import { until } from "#tools/cluster/until.ts";
import { appPod, type App } from "./apps.ts";
import { processWith } from "./out-of-memory.ts";

const folder = path.resolve(".cache/cluster-real");
export const system = "holdfast-system";
const startMs = 180_000;

export interface InstallationPlan {
  readonly helm?: HelmMajor;
  /** Volumes of 8Gi. */
  readonly volumes?: number;
  /** Whether NetworkPolicies are enforced. */
  readonly policies?: boolean;
}

export class Installation {
  readonly cluster: RealCluster;
  /** May be changed: what one has installed, another may take over. */
  helm: Helm;

  private constructor(cluster: RealCluster, helm: Helm) {
    this.cluster = cluster;
    this.helm = helm;
  }

  /** Ready for `install`. */
  static async prepare(plan: InstallationPlan = {}): Promise<Installation> {
    const { helm = "4", volumes = 1, policies = false } = plan;
    // Of a run that was killed.
    await takeDown(folder);
    const cluster = await startReal({ folder, policies });
    const made = new Installation(cluster, await helmFor(cluster, helm));
    await importProjectImages(cluster);
    await makeVolumes(cluster, { count: volumes, size: "8Gi" });
    return made;
  }

  async useHelm(major: HelmMajor): Promise<void> {
    this.helm = await helmFor(this.cluster, major);
  }

  close(): Promise<void> {
    return this.cluster.close();
  }

  /** Its output; throws where it fails. */
  kubectl(...args: readonly string[]): Promise<string> {
    return this.cluster.kubectl.run(args);
  }

  apply(namespace: string, ...items: readonly object[]): Promise<string> {
    return this.cluster.kubectl.run(
      ["apply", "-n", namespace, "-f", "-"],
      JSON.stringify({ apiVersion: "v1", kind: "List", items }),
    );
  }

  /** `helm install` of the chart as `holdfast`, until operators and Backend are ready. */
  async install(...args: readonly string[]): Promise<void> {
    await this.helm.run(
      ...["install", "holdfast", "charts/holdfast", "-n", system, "--create-namespace", ...args],
    );
    await this.ready();
  }

  async ready(): Promise<void> {
    await this.operatorsReady();
    const backend = ["wait", "hfbackend/default", "-n", system];
    await this.kubectl(...backend, "--for=create", "--timeout=60s");
    await this.kubectl(...backend, "--for=condition=Ready", "--timeout=110s");
  }

  operatorsReady(): Promise<string> {
    const rollout = ["rollout", "status", "deployment/holdfast-operator", "-n", system];
    return this.kubectl(...rollout, "--timeout=110s");
  }

  /** With 0 until the last is gone, otherwise until all are ready. */
  async scaleOperators(count: number): Promise<void> {
    await this.kubectl(
      ...["scale", "deployment/holdfast-operator", `--replicas=${count}`, "-n", system],
    );
    const gone = ["-l", "app.kubernetes.io/component=operator", "-n", system, "--for=delete"];
    if (count === 0) await this.kubectl("wait", "pod", ...gone, "--timeout=110s");
    else await this.operatorsReady();
  }

  /** A namespace whose pods get a sidecar, with the pool `orders`. */
  async openNamespace(name: string, spec?: object): Promise<void> {
    await this.kubectl("create", "namespace", name);
    await this.kubectl("label", "namespace", name, "holdfast.dev/inject=enabled");
    await this.openPool(name, spec);
  }

  async openPool(namespace: string, spec: object = { mode: "Mutex", ttl: "1h" }): Promise<void> {
    await this.apply(namespace, {
      ...{ apiVersion: "holdfast.dev/v1alpha1", kind: "DistributedLock" },
      ...{ metadata: { name: "orders" }, spec },
    });
  }

  start(namespace: string, name: string, app: App): Promise<string> {
    return this.apply(namespace, appPod(name, app));
  }

  logs(namespace: string, pod: string): Promise<string> {
    return this.kubectl("logs", pod, "-c", "app", "-n", namespace);
  }

  /** When the app wrote a line that begins so, by its own clock, in ms. */
  async wroteAt(
    { namespace, pod }: { readonly namespace: string; readonly pod: string },
    word: string,
    withinMs = startMs,
  ): Promise<number> {
    let at = Number.NaN;
    await until(
      `${pod} to write ${word}`,
      async () => {
        const log = await this.logs(namespace, pod);
        const line = log.split("\n").find((each) => each.startsWith(`${word} `));
        at = Number(line?.split(" ")[1]);
        if (line === undefined) throw new Error(log);
        return true;
      },
      { withinMs },
    );
    return at;
  }

  /** For a test that failed: what a person would ask first. */
  async tell(): Promise<void> {
    const seen = [
      ["get", "pods,hflock,hfbackend", "-A", "-o", "wide"],
      ["get", "events", "-A", "--sort-by=.lastTimestamp"],
      ["describe", "hfbackend", "-n", system],
      ["logs", "deployment/holdfast-operator", "--all-pods", "--tail=40", "-n", system],
    ];
    for (const args of seen)
      console.error((await this.cluster.kubectl.ask(args)).out.slice(-6_000));
  }
}

async function helmFor({ kubeconfig }: RealCluster, major: HelmMajor): Promise<Helm> {
  const { path: program } = await fetchHelm(major);
  return new Helm({ program, kubeconfig, folder });
}

/** The process of a pod's sidecar, as this machine sees it. */
export function sidecarOf(pod: string): number {
  return processWith("HOLDFAST_POD", pod);
}
