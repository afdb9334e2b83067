/** What tests of operator/kube stand on: a scripted API server, our transport to it, and clocks that stand still. */
import { KubeConfig } from "@kubernetes/client-node";
import type { Instant } from "#core/runtime.ts";
import { Metrics } from "#host/metrics.ts";
import { Cluster } from "#operator/kube/cluster.ts";
import { KubeMetrics } from "#operator/kube/metrics.ts";
import type { KubeObject, ObjectKey, Resource } from "#operator/kube/objects.ts";
import { Transport } from "#operator/kube/transport.ts";
import { valueIn } from "../exposition.ts";
import { ScriptedServer } from "./scripted-server.ts";
import { SteppedRuntime } from "./stepped-runtime.ts";

export const queues: Resource = {
  group: "holdfast.dev",
  version: "v1alpha1",
  kind: "Queue",
  plural: "queues",
  namespaced: true,
};

export const never = new AbortController().signal;

/** What a metric's series shows; undefined: there is no such series. */
export class Scrape {
  readonly registry = new Metrics();
  readonly kube = new KubeMetrics(this.registry);

  value(series: string): number | undefined {
    return valueIn(this.text(), series);
  }

  text(): string {
    return this.registry.render((family, error) => {
      throw new Error(family, { cause: error });
    });
  }
}

export class Stage implements AsyncDisposable {
  readonly runtime = new SteppedRuntime();
  readonly scrape = new Scrape();
  readonly server: ScriptedServer;
  readonly api: Transport;

  private constructor(server: ScriptedServer, load: () => KubeConfig) {
    this.server = server;
    const { runtime } = this;
    const cluster = new Cluster(load, runtime);
    this.api = new Transport({ cluster, runtime, metrics: this.scrape.kube });
  }

  static async start(load?: (url: string) => KubeConfig): Promise<Stage> {
    const server = await ScriptedServer.start();
    return new Stage(server, () => (load ?? plainConfig)(server.url));
  }

  get host(): string {
    return new URL(this.server.url).host;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.api.close();
    await this.server[Symbol.asyncDispose]();
  }
}

export function plainConfig(server: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromClusterAndUser({ name: "test", server, skipTLSVerify: true }, { name: "test" });
  return config;
}

export interface Made {
  readonly name: string;
  readonly version: number;
  readonly uid?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** A queue in `shop`. */
export function queueObject({ name, version, uid = `uid-${name}`, labels }: Made): KubeObject {
  return {
    apiVersion: "holdfast.dev/v1alpha1",
    kind: "Queue",
    metadata: {
      name,
      namespace: "shop",
      uid,
      resourceVersion: String(version),
      ...(labels !== undefined && { labels }),
    },
  };
}

export function listObject(
  version: number,
  items: readonly KubeObject[],
  token?: string,
): Record<string, unknown> {
  return {
    apiVersion: "holdfast.dev/v1alpha1",
    kind: "QueueList",
    metadata: {
      resourceVersion: String(version),
      ...(token !== undefined && { continue: token }),
    },
    items,
  };
}

export const bookmark = (version: number): object => ({
  kind: "Queue",
  apiVersion: "holdfast.dev/v1alpha1",
  metadata: { resourceVersion: String(version) },
});

export const key = (text: string): ObjectKey => text as ObjectKey;
export const instant = (ms: number): Instant => ms as Instant;

export function onFailure(name: string, error: unknown): never {
  throw new Error(`${name} failed`, { cause: error });
}
