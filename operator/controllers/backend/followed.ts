/**
 * What the controller of Backends follows by watches: Backends, namespaces, its own Secrets, and who needs a user: namespaces
 * with a resource of ours or with a pod that has a sidecar, and those whose pods get one.
 */
import type { Runtime } from "#core/runtime.ts";
import type { Api } from "../../kube/api.ts";
import { Collection, selectionsOf, type Listener, type Selected } from "../../kube/collection.ts";
import type { KubeMetrics } from "../../kube/metrics.ts";
import type { Change } from "../../kube/store.ts";
import { nameOfKey, namespaceResource, objectKey, type ObjectKey } from "../../kube/objects.ts";
import { secrets } from "../../kube/secrets.ts";
import { keptPod, podSelections, saysInjected } from "../../sidecars/pods.ts";
import { excludedNamespaces } from "../../webhooks/configuration.ts";
import type { UsersSeen } from "./decide-users.ts";
import {
  asksForSidecars,
  backends,
  readUserSecret,
  userSecretName,
  userSelector,
  type UserSecret,
} from "./resources.ts";

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
  /** As far as they are served. */
  readonly namespaces: Collection;
  /** That have not ended, with a sidecar or without: see {@link keptPod}. */
  readonly pods: Collection;
  readonly #parts: FollowedParts;
  readonly #secrets: Collection;
  readonly #listening = new DisposableStack();
  /** Namespaces of which it was told that they need a user. */
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
    this.namespaces = follow(
      ...(namespaces?.map((name) => ({
        ...{ resource: namespaceResource, fieldSelector: `metadata.name=${name}` },
      })) ?? [{ resource: namespaceResource }]),
    );
    this.#secrets = follow({
      ...{ resource: secrets, namespace: operatorNamespace, labelSelector: userSelector },
    });
    this.pods = Collection.start({
      ...common,
      selections: podSelections(namespaces, excludedNamespaces(operatorNamespace)),
      transform: keptPod,
    });
    this.#listen();
  }

  static start(parts: FollowedParts): Followed {
    return new Followed(parts);
  }

  async synced(signal: AbortSignal): Promise<void> {
    const all = [...this.#own, ...this.#parts.data];
    await Promise.all(all.map((collection) => collection.synced(signal)));
  }

  users(known: Pick<UsersSeen, "seenLately" | "taken" | "notOurs">): UsersSeen {
    const { namespaces: served, data } = this.#parts;
    const all = this.namespaces.all();
    const asking = all.filter(asksForSidecars).map(({ metadata }) => metadata.name);
    const using = data.flatMap((collection) => [...collection.namespaces()]);
    const injected = this.pods.all().filter(saysInjected);
    return {
      inUse: new Set([
        ...[...asking, ...using],
        ...injected.map(({ metadata }) => metadata.namespace ?? ""),
      ]),
      uids: new Map(all.map(({ metadata: { name, uid } }) => [name, uid])),
      // Whether one that is not served still exists is not known here: what it has stays.
      isServed: (namespace) => served?.includes(namespace) ?? true,
      secrets: this.#userSecrets(),
      ...known,
    };
  }

  async close(): Promise<void> {
    this.#listening.dispose();
    await Promise.all(this.#own.map((collection) => collection.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #own(): readonly Collection[] {
    return [this.backends, this.namespaces, this.#secrets, this.pods];
  }

  #listen(): void {
    const { backend, users, data } = this.#parts;
    this.#listening.use(this.backends.listen(backend));
    const whenDeleted: Listener = ({ kind }) => {
      if (kind === "deleted") users();
    };
    const namespaceTold: Listener = (change) => {
      const { name } = nameOfKey(change.key);
      if (change.kind === "deleted") {
        this.#inUse.delete(name);
        users();
        return;
      }
      // What is in it may have been told first: its user waits for the namespace's uid.
      const isAwaited = change.kind === "added" && this.#inUse.has(name);
      if (isAwaited || (asksForSidecars(change.now) && this.#isNews("added", name))) users();
    };
    this.#listening.use(this.namespaces.listen(namespaceTold));
    this.#listening.use(this.#secrets.listen(whenDeleted));
    const told = (kind: Change["kind"], key: ObjectKey): void => {
      const { namespace = "" } = nameOfKey(key);
      if (this.#isNews(kind, namespace)) users();
    };
    for (const collection of data)
      this.#listening.use(collection.listen(({ kind, key }) => told(kind, key)));
    this.#listening.use(
      this.pods.listen((change) => {
        const had = change.kind !== "added" && saysInjected(change.was);
        const has = change.kind !== "deleted" && saysInjected(change.now);
        if (has && !had) told("added", change.key);
        else if (had && change.kind === "deleted") told("deleted", change.key);
      }),
    );
  }

  /** Each look asks etcd: thousands of resources that come or go must not be as many reasons to look. */
  #isNews(kind: Change["kind"], namespace: string): boolean {
    if (kind === "changed") return false;
    if (kind === "deleted")
      return this.namespaces.get(objectKey({ name: namespace })) === undefined;
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
    return this.#secrets.all().flatMap((secret) => readUserSecret(secret) ?? []);
  }
}
