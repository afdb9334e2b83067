/** The API server as an administrator sees it, without a process of kubectl a call: for thousands of objects. */
import type { KubeObject } from "#operator/kube/objects.ts";
import { create, type Call, type SentObject } from "#operator/kube/calls.ts";
import { Cluster, configOfFile } from "#operator/kube/cluster.ts";
import { isRefused, valueOf } from "#operator/kube/errors.ts";
import { publishedKinds } from "#operator/controllers/published/kinds.ts";
import { Transport } from "#operator/kube/transport.ts";
import { testRuntime } from "#test/support/etcd-users.ts";
import type { LightCluster } from "#tools/cluster/light/light-cluster.ts";
import { never, Scrape } from "./stage.ts";

/** Requests under way. */
const lanes = 16;

export class AdminApi implements AsyncDisposable {
  readonly locks: Call;
  readonly #transport: Transport;

  constructor({ kubeconfig }: LightCluster) {
    this.#transport = new Transport({
      cluster: new Cluster(configOfFile(kubeconfig), testRuntime),
      runtime: testRuntime,
      metrics: new Scrape().kube,
    });
    const [published] = publishedKinds;
    if (published === undefined) throw new Error("no kind is published");
    this.locks = { api: this.#transport, resource: published.resource, signal: never };
  }

  /** What is there already stays as it is. */
  async createLocks(names: readonly { readonly namespace: string; readonly name: string }[]) {
    const left = names.values();
    const lane = async (): Promise<void> => {
      for (const name of left) await this.#create(this.locks, lockObject(name));
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  }

  /** A lock's spec, changed as a user would. */
  async edit(
    { namespace, name }: { readonly namespace: string; readonly name: string },
    spec: object,
  ): Promise<KubeObject> {
    const { api, resource, signal } = this.locks;
    const { group, version, plural } = resource;
    const answer = await api.request(
      {
        method: "PATCH",
        path: `/apis/${group}/${version}/namespaces/${namespace}/${plural}/${name}`,
        contentType: "application/merge-patch+json",
        body: { spec },
        repeatable: true,
      },
      signal,
    );
    return valueOf(`editing ${name}`, answer) as KubeObject;
  }

  /** Statuses of locks that the API server was asked to write since it was started. `code`: answered so. */
  async statusWrites(code = ""): Promise<number> {
    const { api, signal } = this.locks;
    // Its text is no JSON: that is told, and the text is what is wanted.
    const answer = await api.stream({ method: "GET", path: "/metrics" }, signal);
    const chunks: Uint8Array[] = [];
    for await (const chunk of valueOf("reading metrics", answer).chunks) chunks.push(chunk);
    return Buffer.concat(chunks)
      .toString()
      .split("\n")
      .filter((line) => line.startsWith("apiserver_request_total{"))
      .filter((line) => /resource="distributedlocks".*subresource="status"/.test(line))
      .filter((line) => /verb="(APPLY|PATCH)"/.test(line) && line.includes(`code="${code}`))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#transport.close();
  }

  async #create(call: Call, object: SentObject): Promise<void> {
    const made = await create(call, object);
    if (!isRefused(made, "alreadyExists")) valueOf(`creating ${object.metadata.name}`, made);
  }
}

export function lockObject({ namespace, name }: { namespace: string; name: string }): SentObject {
  return {
    apiVersion: "holdfast.dev/v1alpha1",
    kind: "DistributedLock",
    metadata: { namespace, name },
    spec: { mode: "Mutex" },
  };
}
