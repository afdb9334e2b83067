/** What tests of the operator stand on: a cluster, an etcd for data, and the account that all operators run under. */
import type { ConditionType } from "#operator/conditions/condition.ts";
import { EtcdGateway, type RawKey } from "#test/support/etcd-gateway.ts";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { operatorKubeconfig, operatorUser } from "#test/support/kube/operator-role.ts";
import { OperatorProcess, type OperatorOptions } from "#test/support/operator-process.ts";
import { SidecarProcess } from "#test/support/sidecar-process.ts";
import type { LightCluster } from "#tools/cluster/light/light-cluster.ts";
import { until } from "#tools/cluster/until.ts";
import { BackendDesk } from "./backend-seen.ts";
import { startWithCrds } from "./crds-applied.ts";

export interface ConditionSeen {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  readonly lastTransitionTime: string;
}

export interface LockSeen {
  readonly metadata: { readonly uid: string; readonly generation: number };
  readonly status?: {
    readonly held?: number;
    readonly waiting?: number;
    readonly oldestWaitSince?: string;
    readonly observedGeneration?: number;
    readonly conditions?: readonly ConditionSeen[];
  };
}

export interface StageOptions {
  readonly controllerManager?: boolean;
  /** The namespaces whose resources operators may follow; they are made. Absent: all. */
  readonly served?: readonly string[];
  readonly etcdArgs?: readonly string[];
}

export class OperatorStage implements AsyncDisposable {
  readonly cluster: LightCluster;
  readonly etcd: EtcdServer;
  readonly raw: EtcdGateway;
  readonly kubeconfig: string;
  readonly backend: BackendDesk;
  readonly #stack: AsyncDisposableStack;
  readonly #operators: OperatorProcess[] = [];
  #forgivenUntil = "";

  private constructor(
    parts: { cluster: LightCluster; etcd: EtcdServer; kubeconfig: string },
    stack: AsyncDisposableStack,
  ) {
    this.cluster = parts.cluster;
    this.etcd = parts.etcd;
    this.raw = new EtcdGateway(parts.etcd.endpoint);
    this.kubeconfig = parts.kubeconfig;
    this.backend = new BackendDesk(parts.cluster.kubectl);
    this.#stack = stack;
  }

  static async start(options: StageOptions = {}): Promise<OperatorStage> {
    const { controllerManager = false, served, etcdArgs = [] } = options;
    await using stack = new AsyncDisposableStack();
    const cluster = stack.use(await startWithCrds({ controllerManager, audit: [operatorUser] }));
    const etcd = stack.use(await EtcdServer.start({ noFsync: true, args: etcdArgs }));
    for (const namespace of served ?? [])
      await cluster.kubectl.run(["create", "namespace", namespace]);
    const kubeconfig = await operatorKubeconfig(cluster, served);
    return new OperatorStage({ cluster, etcd, kubeconfig }, stack.move());
  }

  /** Absent: its variables, the operator from its sources, the cluster's and etcd's own addresses. */
  async operator(
    env: Readonly<Record<string, string>> = {},
    how: Partial<OperatorOptions> = {},
  ): Promise<OperatorProcess> {
    const { kubeconfig, etcd } = this;
    const operator = this.#stack.use(
      await OperatorProcess.start({ kubeconfig, etcd: etcd.endpoint, env, ...how }),
    );
    this.#operators.push(operator);
    return operator;
  }

  /** Waits only until it listens. */
  async sidecar(
    namespace = "default",
    pod = "app-1",
    more: Readonly<Record<string, string>> = {},
  ): Promise<SidecarProcess> {
    const env = { HOLDFAST_NAMESPACE: namespace, ...more };
    const started = await SidecarProcess.start({
      ...{ etcd: this.etcd.endpoint, unready: true, sessionTtl: "3s", pod, env },
    });
    return this.#stack.use(started);
  }

  kubectl(...args: readonly string[]): Promise<string> {
    return this.cluster.kubectl.run(args);
  }

  /** `spec` beside the mode, as JSON. */
  async apply(name: string, spec: object = {}, namespace = "default"): Promise<void> {
    const lock = {
      apiVersion: "holdfast.dev/v1alpha1",
      kind: "DistributedLock",
      metadata: { name, namespace },
      spec: { mode: "Mutex", ...spec },
    };
    await this.cluster.kubectl.run(["apply", "-f", "-"], JSON.stringify(lock));
  }

  async lock(name: string, namespace = "default"): Promise<LockSeen> {
    const text = await this.kubectl("get", "hflock", name, "-n", namespace, "-o", "json");
    return JSON.parse(text) as LockSeen;
  }

  async condition(
    name: string,
    type: string,
    namespace = "default",
  ): Promise<ConditionSeen | undefined> {
    const { status } = await this.lock(name, namespace);
    return status?.conditions?.find((condition) => condition.type === type);
  }

  /** The condition, once it has this reason and is about the generation that there is. */
  reason(name: string, type: ConditionType, reason: string): Promise<ConditionSeen> {
    return this.says({ name, namespace: "default" }, type, reason);
  }

  /** The same in any namespace. */
  says(
    { name, namespace }: { readonly name: string; readonly namespace: string },
    type: ConditionType,
    reason: string,
  ): Promise<ConditionSeen> {
    return until(`${type} of ${name} to be ${reason}`, async () => {
      const { metadata, status } = await this.lock(name, namespace);
      const found = status?.conditions?.find((condition) => condition.type === type);
      const isNow = found?.observedGeneration === metadata.generation;
      if (found?.reason === reason && isNow) return found;
      throw new Error(`it is ${JSON.stringify(found)}`);
    });
  }

  ready(name: string, namespace = "default"): Promise<ConditionSeen> {
    return this.says({ name, namespace }, "Ready", "Usable");
  }

  record(name: string, namespace = "default"): Promise<RawKey | undefined> {
    return this.raw.get(recordKeyOf(name, namespace));
  }

  async collected(name: string, namespace = "default"): Promise<void> {
    const gone = async () => (await this.record(name, namespace)) === undefined;
    await until(`the record of ${name} to go`, gone);
  }

  /** Somebody changes the record, which the operator then repairs; told as an Event. */
  async drift(name: string, namespace = "default"): Promise<void> {
    const good = await this.record(name, namespace);
    if (good === undefined) throw new Error(`${name} is not published`);
    await this.raw.put(good.key, good.value.replace('"level":1', '"level":0'));
    await until(`the record of ${name} to be repaired`, async () => {
      const now = await this.record(name, namespace);
      return now?.value.includes('"level":1');
    });
  }

  /** Reasons of the Events about a lock. */
  async events(name: string): Promise<string[]> {
    const list = JSON.parse(
      await this.kubectl("get", "events.events.k8s.io", "-A", "-o", "json"),
    ) as {
      items: { reason: string; regarding: { name: string; kind: string } }[];
    };
    return list.items
      .filter(({ regarding }) => regarding.kind === "DistributedLock" && regarding.name === name)
      .map(({ reason }) => reason);
  }

  /** An API server that has just started forbids everything until it has read the roles: what it did so far is forgiven. */
  forgive(): void {
    this.#forgivenUntil = new Date().toISOString();
  }

  /** Requests that the API server forbade: what operators that still run have counted, and what all have logged. */
  async forbidden(): Promise<string[]> {
    const running = this.#operators.filter((operator) => !operator.isOver);
    const texts = await Promise.all(running.map((operator) => operator.health.get("/metrics")));
    const lines = texts.flatMap(({ text }) => text.split("\n"));
    const logged = this.#operators.flatMap(({ lines: said }) =>
      said
        .filter(({ time }) => String(time) > this.#forgivenUntil)
        .map((line) => JSON.stringify(line))
        .filter((line) => line.includes("forbidden")),
    );
    const counted = lines.filter((line) => /^rest_client_requests_total\{code="403"/.test(line));
    return [...counted, ...logged];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}

export function recordKeyOf(name: string, namespace = "default"): string {
  return `/holdfast/v1/spec/${namespace}/DistributedLock/${name}`;
}
