/** What the controller of Backends follows by watches: Backends, namespaces, its own Secrets, and who has resources. */
import type { Runtime } from "#core/runtime.ts";
import type { Api } from "../../kube/api.ts";
import { Collection, selectionsOf, type Listener, type Selected } from "../../kube/collection.ts";
import type { KubeMetrics } from "../../kube/metrics.ts";
import type { Change } from "../../kube/store.ts";
import { nameOfKey, namespaceResource, objectKey, type KubeObject } from "../../kube/objects.ts";
import { entriesOf } from "./access.ts";
import type { UserSecret, UsersSeen } from "./decide.ts";
import { backends, namespaceLabel, secrets, userSecretName, userSelector } from "./resources.ts";

export interface FollowedParts {
  readonly api: Api;
  readonly runtime: Runtime;
  readonly metrics: KubeMetrics;
  readonly operatorNamespace: string;
  /** Undefined: all. */
  readonly namespaces: readonly string[] | undefined;
  readonly data: readonly Collection[];
  readonly onFailure: (name: string, error: unknown) => void;
  /** Of a Backend. */
  readonly backend: Listener;
  /** Some namespace may need a user now, or none any more. */
  readonly users: () => void;
}

export class Followed implements AsyncDisposable {
  readonly backends: Collection;
  readonly #parts: FollowedParts;
  readonly #namespaces: Collection;
  readonly #secrets: Collection;
  readonly #listening = new DisposableStack();
  /** Namespaces whose first resource was told of. */
  readonly #inUse = new Set<string>();

  private constructor(parts: FollowedParts) {
    this.#parts = parts;
    const { api, runtime, metrics, operatorNamespace, namespaces, onFailure } = parts;
    const common = { api, runtime, metrics, onFailure };
    const follow = (...selections: readonly Selected[]) =>
      Collection.start({ ...common, selections });
    const elsewhere = namespaces?.filter((namespace) => namespace !== operatorNamespace);
    this.backends = follow(
      ...(elsewhere === undefined ? [] : [{ resource: backends, namespace: operatorNamespace }]),
      ...selectionsOf(backends, elsewhere),
    );
    // By name, so that a role need not grant the others.
    this.#namespaces = follow(
      ...(namespaces?.map((name) => ({
        ...{ resource: namespaceResource, fieldSelector: `metadata.name=${name}` },
      })) ?? [{ resource: namespaceResource }]),
    );
    this.#secrets = follow({
      ...{ resource: secrets, namespace: operatorNamespace, labelSelector: userSelector },
    });
    this.#listen();
  }

  static start(parts: FollowedParts): Followed {
    return new Followed(parts);
  }

  async synced(signal: AbortSignal): Promise<void> {
    const all = [this.backends, this.#namespaces, this.#secrets, ...this.#parts.data];
    await Promise.all(all.map((collection) => collection.synced(signal)));
  }

  /** `seenLately`: namespaces whose user was looked at a short while ago, and stood. */
  users(seenLately: ReadonlySet<string>): UsersSeen {
    const { namespaces: served, data } = this.#parts;
    const found = this.#userSecrets();
    // Whether one that is not served still exists is not known here: what it has stays.
    const notServed = found
      .map(({ namespace }) => namespace)
      .filter((namespace) => served?.includes(namespace) === false);
    const names = this.#namespaces.all().map(({ metadata }) => metadata.name);
    return {
      inUse: new Set(data.flatMap((collection) => [...collection.namespaces()])),
      existing: new Set([...names, ...notServed]),
      secrets: found,
      seenLately,
    };
  }

  async close(): Promise<void> {
    this.#listening.dispose();
    const own = [this.backends, this.#namespaces, this.#secrets];
    await Promise.all(own.map((collection) => collection.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #listen(): void {
    const { backend, users, data } = this.#parts;
    this.#listening.use(this.backends.listen(backend));
    const whenDeleted: Listener = ({ kind }) => {
      if (kind === "deleted") users();
    };
    const forget: Listener = ({ kind, key }) => {
      if (kind === "deleted") this.#inUse.delete(nameOfKey(key).name);
    };
    this.#listening.use(this.#namespaces.listen(forget));
    this.#listening.use(this.#namespaces.listen(whenDeleted));
    this.#listening.use(this.#secrets.listen(whenDeleted));
    for (const collection of data)
      this.#listening.use(
        collection.listen(({ kind, key }) => {
          const { namespace = "" } = nameOfKey(key);
          if (this.#isNews(kind, namespace)) users();
        }),
      );
  }

  /** Each look asks etcd: thousands of resources that come or go must not be as many reasons to look. */
  #isNews(kind: Change["kind"], namespace: string): boolean {
    if (kind === "changed") return false;
    if (kind === "deleted")
      return this.#namespaces.get(objectKey({ name: namespace })) === undefined;
    if (this.#inUse.has(namespace)) return false;
    this.#inUse.add(namespace);
    return !this.#hasSecret(namespace);
  }

  #hasSecret(namespace: string): boolean {
    const { operatorNamespace } = this.#parts;
    const key = objectKey({ namespace: operatorNamespace, name: userSecretName(namespace) });
    return this.#secrets.get(key) !== undefined;
  }

  #userSecrets(): UserSecret[] {
    return this.#secrets.all().flatMap(({ metadata, data }) => {
      const password = entriesOf(data)["password"]?.toString();
      const usable = password === "" ? undefined : password;
      return namespaceOf({ metadata }).map((namespace) => ({ namespace, password: usable }));
    });
  }
}

function namespaceOf({ metadata }: Pick<KubeObject, "metadata">): readonly string[] {
  const namespace = metadata.labels?.[namespaceLabel];
  return namespace === undefined ? [] : [namespace];
}
