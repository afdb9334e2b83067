/** The objects of the etcd that the operator runs, by watches: those of ours, found by their labels. */
import type { Runtime } from "#core/runtime.ts";
import type { Api } from "../../kube/api.ts";
import { Collection } from "../../kube/collection.ts";
import type { KubeMetrics } from "../../kube/metrics.ts";
import { objectKey, podResource, type KubeObject, type Resource } from "../../kube/objects.ts";
import { secrets } from "../../kube/secrets.ts";
import { selectorOf, type Installation } from "../../objects/installation.ts";
import { claims, services, statefulSets } from "./resources.ts";

export interface FollowedParts {
  readonly api: Api;
  readonly runtime: Runtime;
  readonly metrics: KubeMetrics;
  readonly installation: Installation;
  readonly onFailure: (name: string, error: unknown) => void;
  readonly changed: () => void;
}

const followed = [secrets, services, statefulSets, podResource, claims] as const;

export class Followed implements AsyncDisposable {
  readonly #namespace: string;
  readonly #collections: ReadonlyMap<Resource, Collection>;
  readonly #listening = new DisposableStack();

  private constructor({ installation, changed, ...common }: FollowedParts) {
    const { namespace } = installation;
    const labelSelector = selectorOf(installation);
    this.#namespace = namespace;
    this.#collections = new Map(
      followed.map((resource) => [
        resource,
        Collection.start({ ...common, selections: [{ resource, namespace, labelSelector }] }),
      ]),
    );
    for (const collection of this.#collections.values())
      this.#listening.use(collection.listen(changed));
  }

  static start(parts: FollowedParts): Followed {
    return new Followed(parts);
  }

  async synced(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#collections.values()].map((one) => one.synced(signal)));
  }

  get(resource: Resource, name: string): KubeObject | undefined {
    return this.#collections.get(resource)?.get(objectKey({ namespace: this.#namespace, name }));
  }

  async close(): Promise<void> {
    this.#listening.dispose();
    await Promise.all([...this.#collections.values()].map((one) => one.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
