/**
 * The controller of Backends: follows them, looks at the etcd of the one that is used every few seconds, says what it
 * sees in the status, and gives each namespace that has a resource of ours a user in etcd.
 *
 *     await using controller = BackendController.start(parts);
 *     const use = await controller.nextUse(undefined, signal);
 *
 * It is started by whoever leads, and closed when that ends. One worker does all of it: there is one Backend in use.
 */
import type { BackendSpecInput } from "#api/resources/backend.ts";
import { Bell } from "#core/bell.ts";
import { forever, type Instant, type Runtime } from "#core/runtime.ts";
import { Tasks } from "#core/tasks.ts";
import type { BackendFacts } from "../../conditions/backend-facts.ts";
import type { EtcdAdmin } from "../../etcd-admin/admin.ts";
import { NamespaceUsers } from "../../etcd-admin/namespace-users.ts";
import { incarnationOf } from "../../etcd-admin/standing.ts";
import type { Api } from "../../kube/api.ts";
import { create } from "../../kube/calls.ts";
import { isRefused, reasonText, valueOf } from "../../kube/errors.ts";
import type { Collection } from "../../kube/collection.ts";
import type { KubeMetrics } from "../../kube/metrics.ts";
import { apiVersionOf, objectKey, type KubeObject, type ObjectKey } from "../../kube/objects.ts";
import { WorkQueue } from "../../kube/queue.ts";
import { Reconciler, type Reconciled } from "../../kube/reconciler.ts";
import type { Origin } from "../../kube/reflector.ts";
import type { Change } from "../../kube/store.ts";
import { actOnStatus, actOnUsers, type ActParts } from "./act.ts";
import { decideConditions, decideNumbers, decideUsers } from "./decide.ts";
import { Followed } from "./followed.ts";
import { Admins, lookAt, readBackend, type BackendRead, type ManagedView } from "./gather.ts";
import { backends, usedName } from "./resources.ts";
import { decideUse, isSameUse, type BackendUse } from "./use.ts";

export interface BackendControllerParts {
  readonly api: Api;
  readonly runtime: Runtime;
  readonly metrics: KubeMetrics;
  /** Where the Backend that is used stands, and the Secrets of namespaces. */
  readonly operatorNamespace: string;
  readonly managed: ManagedView;
  /** Whose resources are served; undefined: those of all. */
  readonly namespaces: readonly string[] | undefined;
  /** What the Backend `default` is made of where it is missing; absent: it is not made. */
  readonly defaultSpec?: BackendSpecInput | undefined;
  /** The resources whose namespaces get a user. */
  readonly data: readonly Collection[];
  /** The database's quota, where somebody else knows it: etcd3 is not told. */
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
/** Users were left over or could not be made, or a Secret is missing: nobody tells when it comes. */
const soonMs = 1_000;

export class BackendController implements AsyncDisposable {
  readonly #parts: BackendControllerParts;
  readonly #tasks: Tasks;
  readonly #queue: WorkQueue<ObjectKey>;
  readonly #admins: Admins;
  readonly #users: NamespaceUsers;
  readonly #followed: Followed;
  readonly #usersSeenAt = new Map<string, Instant>();
  #seenBy: EtcdAdmin | undefined;
  readonly #writtenAt = new Map<ObjectKey, Instant>();
  readonly #bell: Bell;
  #use: BackendUse | undefined;
  #usersStandIn: string | undefined;
  #managedAdmin: EtcdAdmin | undefined;
  #reconciler: Reconciler<ObjectKey> | undefined;
  #closed: Promise<void> | undefined;

  private constructor(parts: BackendControllerParts) {
    this.#parts = parts;
    const { runtime, metrics, onFailure } = parts;
    this.#tasks = new Tasks(onFailure);
    this.#bell = new Bell(runtime);
    this.#queue = new WorkQueue({ name: controllerName, runtime, metrics });
    this.#admins = new Admins(runtime);
    this.#users = new NamespaceUsers(() => this.#admins.current, runtime);
    this.#followed = Followed.start({
      ...parts,
      backend: (change, origin) => {
        this.#told(change, origin);
      },
      users: () => {
        this.#queue.add(this.#usedKey, "edit");
      },
    });
  }

  /** Acts once all lists are read. */
  static start(parts: BackendControllerParts): BackendController {
    const controller = new BackendController(parts);
    controller.#tasks.run("beginning with Backends", (signal) => controller.#begin(signal));
    return controller;
  }

  /** What the Backend comes to, as soon as that is known and is not `than`. Rejects with the signal's reason. */
  async nextUse(than: BackendUse | undefined, signal: AbortSignal): Promise<BackendUse> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#use !== undefined && this.#use !== than) return this.#use;
      await this.#bell.wait({ until: forever, signal });
    }
  }

  /** Something has shown that its etcd is not what it was: looks now. */
  look(): void {
    if (!this.#tasks.signal.aborted) this.#queue.add(this.#usedKey, "background");
  }

  get backends(): Collection {
    return this.#followed.backends;
  }

  /** The connection to the etcd that we run; undefined: we run none, or there is none yet. Never to another etcd. */
  get managedAdmin(): EtcdAdmin | undefined {
    return this.#managedAdmin;
  }

  /** The incarnation of an etcd that we run in which all users were seen to stand. */
  get usersStandIn(): string | undefined {
    return this.#usersStandIn;
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

  async #begin(signal: AbortSignal): Promise<void> {
    await this.#followed.synced(signal);
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
    await Promise.all([this.#followed.close(), this.#queue.drain()]);
    this.#admins[Symbol.dispose]();
  }

  /** What we write into the status comes back, and is no reason to look. */
  #told(change: Change, origin: Origin): void {
    const generation = (object: KubeObject) => object.metadata.generation;
    if (change.kind === "changed" && generation(change.was) === generation(change.now)) return;
    this.#queue.add(change.key, origin === "watch" ? "edit" : "background");
  }

  async #reconcile(key: ObjectKey, signal: AbortSignal): Promise<Reconciled> {
    const object = this.#followed.backends.get(key);
    if (object === undefined) {
      this.#writtenAt.delete(key);
      if (key === this.#usedKey) await this.#make(signal);
      return { kind: "done" };
    }
    const { api, runtime, operatorNamespace, managed, quotaBytes, lookEveryMs } = this.#parts;
    const read = await readBackend(object, { api, operatorNamespace, managed }, signal);
    if (read.facts.used) this.#say(decideUse(read, this.#use));
    const facts = await lookAt(read, this.#admins);
    if (read.facts.used) this.#managedAdmin = isManaged(read) ? this.#admins.current : undefined;
    const incarnation = incarnationIn(facts);
    this.#forgetUsers(incarnation);
    const plan = decideUsers(facts, this.#followed.users(new Set(this.#usersSeenAt.keys())));
    const acting: ActParts = { api, runtime, operatorNamespace, users: this.#users };
    const users = await actOnUsers(plan, acting, signal);
    for (const namespace of users.standing) this.#usersSeenAt.set(namespace, runtime.now());
    if (users.left === 0 && users.failed.length === 0) this.#usersStandIn = incarnation;
    const left = users.left > 0 ? [`${users.left} more are being made`] : [];
    const conditions = decideConditions({ ...facts, usersFailed: [...users.failed, ...left] });
    const numbers = decideNumbers(facts, quotaBytes?.());
    const writtenMsAgo = runtime.now() - (this.#writtenAt.get(key) ?? -Infinity);
    const status = { conditions, numbers, writtenMsAgo };
    const wrote = await actOnStatus(object, status, { api, runtime, signal });
    if (wrote) this.#writtenAt.set(key, runtime.now());
    if (!facts.used) return { kind: "done" };
    const soon = users.left > 0 || users.failed.length > 0 || facts.secrets.kind === "missing";
    return { kind: "later", afterMs: soon ? soonMs : (lookEveryMs ?? lookEveryMsDefault) };
  }

  #say(use: BackendUse): void {
    if (isSameUse(use, this.#use)) return;
    this.#use = use;
    this.#bell.ring();
  }

  /** What is made comes back by the watch, and is looked at then. */
  async #make(signal: AbortSignal): Promise<void> {
    const { api, operatorNamespace: namespace, defaultSpec } = this.#parts;
    const missing = `There is no Backend '${usedName}' in namespace '${namespace}'`;
    if (defaultSpec === undefined) {
      const message = `${missing}, and nothing to make it of. Create it, or set HOLDFAST_ETCD_ENDPOINTS for the operator.`;
      this.#say({ kind: "notFound", message });
      return;
    }
    const made = await create(
      { api, resource: backends, signal },
      {
        apiVersion: apiVersionOf(backends),
        kind: backends.kind,
        metadata: { name: usedName, namespace },
        spec: defaultSpec,
      },
    );
    if (made.kind === "done" || isRefused(made, "alreadyExists")) return;
    const message = `${missing}, and it could not be made: ${reasonText(made)}`;
    this.#say({ kind: "notFound", message });
    valueOf(`the Backend '${usedName}'`, made);
  }

  /** Those seen long ago, and all where another etcd may have taken the former one's place. */
  #forgetUsers(incarnation: string | undefined): void {
    const { runtime } = this.#parts;
    const anew =
      this.#seenBy !== this.#admins.current ||
      (incarnation !== undefined && incarnation !== this.#usersStandIn);
    this.#seenBy = this.#admins.current;
    for (const [namespace, at] of this.#usersSeenAt)
      if (anew || runtime.now() - at >= userSeenMs) this.#usersSeenAt.delete(namespace);
  }
}

/** Whether the connection that was just made or kept is to an etcd that we run. */
function isManaged({ facts: { spec }, access }: BackendRead): boolean {
  return access !== undefined && spec.ok && spec.spec.managed !== undefined;
}

/** Of an etcd that we run, once its members tell their names and users can be made in it. */
function incarnationIn({ etcd, spec }: BackendFacts): string | undefined {
  if (!spec.ok || spec.spec.managed === undefined) return undefined;
  if (etcd?.members.kind !== "done" || etcd.rights.kind !== "done") return undefined;
  return etcd.members.value.flatMap(({ name }) => incarnationOf(name) ?? [])[0];
}
