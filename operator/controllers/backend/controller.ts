/**
 * The controller of Backends: follows them, looks at the etcd of the one that is used every few seconds, says what it
 * sees in the status, and gives each namespace that has a resource of ours a user in etcd.
 *
 *     await using controller = BackendController.start(parts);
 *
 * It is started by whoever leads, and closed when that ends. One worker does all of it: there is one Backend in use.
 */
import type { BackendSpecInput } from "#api/resources/backend.ts";
import type { Instant, Runtime } from "#core/runtime.ts";
import { Tasks } from "#core/tasks.ts";
import type { EtcdAdmin } from "../../etcd-admin/admin.ts";
import { NamespaceUsers } from "../../etcd-admin/namespace-users.ts";
import type { Api } from "../../kube/api.ts";
import { create } from "../../kube/calls.ts";
import { isRefused, valueOf } from "../../kube/errors.ts";
import type { KubeMetrics } from "../../kube/metrics.ts";
import {
  apiVersionOf,
  nameOfKey,
  objectKey,
  type KubeObject,
  type ObjectKey,
  type Resource,
} from "../../kube/objects.ts";
import { WorkQueue } from "../../kube/queue.ts";
import { Reconciler, type Reconciled } from "../../kube/reconciler.ts";
import { Reflector, type Origin } from "../../kube/reflector.ts";
import type { Selection } from "../../kube/selection.ts";
import type { Change, Indexes } from "../../kube/store.ts";
import { entriesOf } from "./access.ts";
import { actOnStatus, actOnUsers, type ActParts } from "./act.ts";
import { decideConditions, decideNumbers, decideUsers, type UserSecret } from "./decide.ts";
import { Admins, gather } from "./gather.ts";
import {
  backends,
  namespaceLabel,
  namespaces,
  secrets,
  usedName,
  userSelector,
} from "./resources.ts";

export interface BackendControllerParts {
  readonly api: Api;
  readonly runtime: Runtime;
  readonly metrics: KubeMetrics;
  /** Where the Backend that is used stands, and the Secrets of namespaces. */
  readonly operatorNamespace: string;
  /** What the Backend `default` is made of where it is missing; absent: it is not made. */
  readonly defaultSpec?: BackendSpecInput;
  /** The kinds whose namespaces get a user. */
  readonly dataKinds: readonly Resource[];
  /** The database's quota, where the store knows it: etcd3 is not told. */
  readonly quotaBytes?: () => number | undefined;
  readonly mayAct: () => boolean;
  readonly onFailure: (name: string, error: unknown) => void;
  /** Between two looks at etcd. */
  readonly lookEveryMs?: number;
}

const controllerName = "backend";
const lookEveryMsDefault = 10_000;
/** A user that stood is looked at again after this: etcd may have been begun anew. */
const userSeenMs = 300_000;
/** Users were left over, or could not be made: before the next look is due. */
const soonMs = 1_000;

export class BackendController implements AsyncDisposable {
  readonly #parts: BackendControllerParts;
  readonly #tasks: Tasks;
  readonly #queue: WorkQueue<ObjectKey>;
  readonly #admins: Admins;
  readonly #users: NamespaceUsers;
  readonly #backends: Reflector;
  readonly #namespaces: Reflector;
  readonly #secrets: Reflector;
  readonly #data: readonly Reflector[];
  readonly #usersSeenAt = new Map<string, Instant>();
  #seenBy: EtcdAdmin | undefined;
  readonly #writtenAt = new Map<ObjectKey, Instant>();
  #reconciler: Reconciler<ObjectKey> | undefined;
  #closed: Promise<void> | undefined;

  private constructor(parts: BackendControllerParts) {
    this.#parts = parts;
    const { runtime, metrics, operatorNamespace, onFailure } = parts;
    this.#tasks = new Tasks(onFailure);
    this.#queue = new WorkQueue({ name: controllerName, runtime, metrics });
    this.#admins = new Admins(runtime);
    this.#users = new NamespaceUsers(() => this.#admins.current, runtime);
    const used = () => {
      this.#queue.add(this.#usedKey, "edit");
    };
    this.#backends = this.#follow({ resource: backends }, (change, origin) => {
      this.#told(change, origin);
    });
    this.#namespaces = this.#follow({ resource: namespaces }, ({ kind }) => {
      if (kind === "deleted") used();
    });
    const ours = { resource: secrets, namespace: operatorNamespace, labelSelector: userSelector };
    this.#secrets = this.#follow(
      ours,
      ({ kind }) => {
        if (kind === "deleted") used();
      },
      { [namespaceLabel]: namespacesOf },
    );
    this.#data = parts.dataKinds.map((resource) =>
      this.#follow({ resource }, ({ kind, key }) => {
        if (kind === "deleted" || !this.#hasSecret(nameOfKey(key).namespace)) used();
      }),
    );
  }

  /** Acts once all lists are read. */
  static start(parts: BackendControllerParts): BackendController {
    const controller = new BackendController(parts);
    controller.#tasks.run("beginning with Backends", (signal) => controller.#begin(signal));
    return controller;
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #usedKey(): ObjectKey {
    return objectKey({ namespace: this.#parts.operatorNamespace, name: usedName });
  }

  get #all(): readonly Reflector[] {
    return [this.#backends, this.#namespaces, this.#secrets, ...this.#data];
  }

  #follow(
    selection: Selection,
    told: (change: Change, origin: Origin) => void,
    indexes: Indexes = {},
  ): Reflector {
    const { api, runtime, metrics, onFailure } = this.#parts;
    return Reflector.start({ api, runtime, metrics, selection, told, indexes, onFailure });
  }

  async #begin(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#all.map((reflector) => reflector.synced(signal)));
    const { runtime, metrics, mayAct, onFailure } = this.#parts;
    this.#reconciler = Reconciler.start({
      ...{ name: controllerName, runtime, metrics, mayAct, onFailure },
      queue: this.#queue,
      workers: 1,
      reconcile: (key, until) => this.#reconcile(key, until),
    });
    this.#queue.add(this.#usedKey, "background");
  }

  async #end(): Promise<void> {
    await this.#tasks.close();
    await this.#reconciler?.close();
    await Promise.all([...this.#all.map((reflector) => reflector.close()), this.#queue.drain()]);
    this.#admins[Symbol.dispose]();
  }

  /** What we write into the status comes back, and is no reason to look. */
  #told(change: Change, origin: Origin): void {
    const generation = (object: KubeObject) => object.metadata.generation;
    if (change.kind === "changed" && generation(change.was) === generation(change.now)) return;
    this.#queue.add(change.key, origin === "watch" ? "edit" : "background");
  }

  async #reconcile(key: ObjectKey, signal: AbortSignal): Promise<Reconciled> {
    const object = this.#backends.store.get(key);
    if (object === undefined) {
      this.#writtenAt.delete(key);
      if (key === this.#usedKey) await this.#make(signal);
      return { kind: "done" };
    }
    const { api, runtime, operatorNamespace, quotaBytes, lookEveryMs } = this.#parts;
    const parts = { api, operatorNamespace, admins: this.#admins };
    const facts = await gather(object, parts, signal);
    const plan = decideUsers(facts, this.#usersSeen());
    const acting: ActParts = { api, runtime, operatorNamespace, users: this.#users };
    const users = await actOnUsers(plan, acting, signal);
    for (const namespace of users.standing) this.#usersSeenAt.set(namespace, runtime.now());
    const left = users.left > 0 ? [`${users.left} more are being made`] : [];
    const conditions = decideConditions({ ...facts, usersFailed: [...users.failed, ...left] });
    const numbers = decideNumbers(facts, quotaBytes?.());
    const writtenMsAgo = runtime.now() - (this.#writtenAt.get(key) ?? -Infinity);
    const status = { conditions, numbers, writtenMsAgo };
    const wrote = await actOnStatus(object, status, { api, runtime, signal });
    if (wrote) this.#writtenAt.set(key, runtime.now());
    if (!facts.used) return { kind: "done" };
    const soon = users.left > 0 || users.failed.length > 0;
    return { kind: "later", afterMs: soon ? soonMs : (lookEveryMs ?? lookEveryMsDefault) };
  }

  async #make(signal: AbortSignal): Promise<void> {
    const { api, operatorNamespace: namespace, defaultSpec } = this.#parts;
    if (defaultSpec === undefined) return;
    const made = await create(
      { api, resource: backends, signal },
      {
        apiVersion: apiVersionOf(backends),
        kind: backends.kind,
        metadata: { name: usedName, namespace },
        spec: defaultSpec,
      },
    );
    if (!isRefused(made, "alreadyExists")) valueOf("the Backend 'default'", made);
  }

  #hasSecret(namespace: string | undefined): boolean {
    return this.#secrets.store.indexed(namespaceLabel, namespace ?? "").length > 0;
  }

  #userSecrets(): UserSecret[] {
    return [...this.#secrets.store.all()].flatMap(({ metadata, data }) => {
      const password = entriesOf(data)["password"]?.toString();
      const usable = password === "" ? undefined : password;
      return namespacesOf({ metadata }).map((namespace) => ({ namespace, password: usable }));
    });
  }

  #usersSeen() {
    this.#forgetUsers();
    const inUse = this.#data.flatMap(({ store }) =>
      [...store.all()].flatMap(({ metadata }) => metadata.namespace ?? []),
    );
    const existing = [...this.#namespaces.store.all()].map(({ metadata }) => metadata.name);
    return {
      inUse: new Set(inUse),
      existing: new Set(existing),
      secrets: this.#userSecrets(),
      seenLately: new Set(this.#usersSeenAt.keys()),
    };
  }

  /** Those seen long ago, and all where another etcd may have taken the former one's place. */
  #forgetUsers(): void {
    const { runtime } = this.#parts;
    const anew = this.#seenBy !== this.#admins.current;
    this.#seenBy = this.#admins.current;
    for (const [namespace, at] of this.#usersSeenAt)
      if (anew || runtime.now() - at >= userSeenMs) this.#usersSeenAt.delete(namespace);
  }
}

function namespacesOf({ metadata }: Pick<KubeObject, "metadata">): readonly string[] {
  const namespace = metadata.labels?.[namespaceLabel];
  return namespace === undefined ? [] : [namespace];
}
