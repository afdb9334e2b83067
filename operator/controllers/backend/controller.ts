/**
 * The controller of Backends: follows them, looks at the etcd of the one that is used every few seconds, says what it
 * sees in the status, and gives each namespace that has a resource of ours a user in etcd.
 *
 *     await using controller = BackendController.start(parts);
 *     const use = await controller.nextUse(undefined, signal);
 *
 * It is started by whoever leads, and closed when that ends. One worker does all of it: there is one Backend in use. Those
 * that are not used are another's: unused.ts.
 */
import type { BackendSpecInput, BackendStatus } from "#api/resources/backend.ts";
import { Bell } from "#core/bell.ts";
import { forever, type Instant, type Runtime } from "#core/runtime.ts";
import { Tasks } from "#core/tasks.ts";
import type { BackendFacts } from "../../conditions/backend-facts.ts";
import type { BackendView } from "../../conditions/backend-reachable.ts";
import type { EtcdAdmin } from "../../etcd-admin/admin.ts";
import type { Api } from "../../kube/api.ts";
import { create } from "../../kube/calls.ts";
import { isRefused, reasonText, recordOf, valueOf } from "../../kube/errors.ts";
import type { Collection } from "../../kube/collection.ts";
import type { Recorder } from "../../kube/events.ts";
import type { KubeMetrics } from "../../kube/metrics.ts";
import { apiVersionOf, objectKey, type KubeObject, type ObjectKey } from "../../kube/objects.ts";
import { WorkQueue } from "../../kube/queue.ts";
import { Reconciler, type Reconciled } from "../../kube/reconciler.ts";
import type { Origin } from "../../kube/reflector.ts";
import type { Change } from "../../kube/store.ts";
import { actOnStatus } from "./act.ts";
import { decideConditions, decideNumbers } from "./decide.ts";
import { Followed } from "./followed.ts";
import { Admins, lookAt, readBackend, type BackendRead, type ManagedView } from "./gather.ts";
import { backends, usedName } from "./resources.ts";
import { userToTell } from "./telling.ts";
import { UnusedBackends } from "./unused.ts";
import { decideUse, isSameUse, type BackendUse } from "./use.ts";
import { UsersKeeper } from "./users-keeper.ts";

export interface BackendControllerParts {
  readonly api: Api;
  readonly runtime: Runtime;
  readonly metrics: KubeMetrics;
  readonly recorder: Pick<Recorder, "record">;
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
  /** What the status says of pods; undefined: nobody has looked at all of them yet. */
  readonly sidecars?: () => BackendStatus["sidecars"];
  /** Whose spec tree the etcd of this use has; undefined: nobody has looked yet. */
  readonly tree: (use: BackendUse) => BackendView | undefined;
  readonly mayAct: () => boolean;
  readonly onFailure: (name: string, error: unknown) => void;
  /** Between two looks at etcd. */
  readonly lookEveryMs?: number;
}

const controllerName = "backend";
const lookEveryMsDefault = 10_000;
/** Users were left over or could not be made, or a Secret is missing: nobody tells when it comes. */
const soonMs = 1_000;

export class BackendController implements AsyncDisposable {
  readonly #parts: BackendControllerParts;
  readonly #tasks: Tasks;
  readonly #queue: WorkQueue<ObjectKey>;
  readonly #admins: Admins;
  readonly #users: UsersKeeper;
  readonly #followed: Followed;
  readonly #unused: UnusedBackends;
  readonly #bell: Bell;
  #writtenAt: Instant | undefined;
  #use: BackendUse | undefined;
  #managedAdmin: EtcdAdmin | undefined;
  #reconciler: Reconciler<ObjectKey> | undefined;
  #isEnding = false;
  #closed: Promise<void> | undefined;

  private constructor(parts: BackendControllerParts) {
    this.#parts = parts;
    const { runtime, metrics, onFailure } = parts;
    this.#tasks = new Tasks(onFailure);
    this.#bell = new Bell(runtime);
    this.#queue = new WorkQueue({ name: controllerName, runtime, metrics });
    this.#admins = new Admins(runtime);
    this.#users = new UsersKeeper({
      ...parts,
      admin: () => this.#admins.current,
      seen: (known) => this.#followed.users(known),
      isEnding: () => this.#isEnding,
    });
    this.#unused = new UnusedBackends({ ...parts, backends: () => this.#followed.backends });
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
      const use = await this.useBy(forever, than, signal);
      if (use !== undefined) return use;
    }
  }

  /** The same; undefined: it is not known by then. */
  async useBy(
    until: Instant,
    than: BackendUse | undefined,
    signal: AbortSignal,
  ): Promise<BackendUse | undefined> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#use !== undefined && this.#use !== than) return this.#use;
      if (this.#parts.runtime.now() >= until) return undefined;
      await this.#bell.wait({ until, signal });
    }
  }

  /** Something has shown that its etcd is not what it was: looks now. */
  look(): void {
    if (!this.#tasks.signal.aborted) this.#queue.add(this.#usedKey, "background");
  }

  get backends(): Collection {
    return this.#followed.backends;
  }

  /** As far as they are served. */
  get namespaces(): Collection {
    return this.#followed.namespaces;
  }

  /** That have not ended, as `keptPod` keeps them. */
  get pods(): Collection {
    return this.#followed.pods;
  }

  /** The connection to the etcd that we run; undefined: we run none, or there is none yet. Never to another etcd. */
  get managedAdmin(): EtcdAdmin | undefined {
    return this.#managedAdmin;
  }

  /** The incarnation of an etcd that we run in which all users were seen to stand. */
  get usersStandIn(): string | undefined {
    return this.#users.standIn;
  }

  /** Takes up nothing more, and waits for what is under way; of many users only for the one. */
  async drain(): Promise<void> {
    this.#isEnding = true;
    await Promise.all([this.#reconciler?.drain(), this.#queue.drain(), this.#unused.drain()]);
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
    this.#unused.begin();
    this.#queue.add(this.#usedKey, "background");
  }

  async #end(): Promise<void> {
    await this.#tasks.close();
    await Promise.all([this.#reconciler?.close(), this.#unused.close()]);
    await Promise.all([this.#followed.close(), this.#queue.drain()]);
    this.#admins[Symbol.dispose]();
  }

  /** What we write into the status comes back, and is no reason to look. */
  #told(change: Change, origin: Origin): void {
    const generation = (object: KubeObject) => object.metadata.generation;
    if (change.kind === "changed" && generation(change.was) === generation(change.now)) return;
    const queue = change.key === this.#usedKey ? this.#queue : this.#unused;
    queue.add(change.key, origin === "watch" ? "edit" : "background");
  }

  async #reconcile(key: ObjectKey, signal: AbortSignal): Promise<Reconciled> {
    const object = this.#followed.backends.get(key);
    if (object === undefined) {
      await this.#make(signal);
      return { kind: "done" };
    }
    const { api, operatorNamespace, managed, lookEveryMs } = this.#parts;
    const read = await readBackend(object, { api, operatorNamespace, managed }, signal);
    const use = this.#say(decideUse(read, this.#use));
    const looked = await lookAt(read, this.#admins, signal);
    this.#managedAdmin = isManaged(read) ? this.#admins.current : undefined;
    const tree = this.#treeOf(use, read);
    // Told as soon as it is: until then nothing is said that may be wrong.
    if (tree?.kind === "connecting") return { kind: "later", afterMs: soonMs };
    const facts = { ...looked, tree };
    const users = await this.#users.keep(facts, signal);
    for (const done of users.done) {
      const telling = userToTell(done);
      if (telling !== undefined) this.#parts.recorder.record({ regarding: object, ...telling });
    }
    if (!this.#parts.mayAct()) return { kind: "again" };
    const left = users.left > 0 ? [`${users.left} more are being made`] : [];
    const wrote = await this.#write(
      object,
      { ...facts, usersFailed: [...users.failed, ...left] },
      signal,
    );
    const isOpen = users.unreached > 0 || users.failed.length > 0;
    const soon = isOpen || facts.secrets.kind === "missing" || wrote === "moved";
    return { kind: "later", afterMs: soon ? soonMs : (lookEveryMs ?? lookEveryMsDefault) };
  }

  #treeOf(use: BackendUse, { access }: BackendRead): BackendView | undefined {
    if (access === undefined) return undefined;
    return this.#parts.tree(use) ?? { kind: "connecting" };
  }

  async #write(object: KubeObject, facts: BackendFacts, signal: AbortSignal) {
    const { api, runtime, recorder, quotaBytes, sidecars } = this.#parts;
    const conditions = decideConditions(facts);
    // What a former leader said of pods stands until this one knows better.
    const stood = recordOf(object["status"])["sidecars"] as BackendStatus["sidecars"];
    const seen = { quotaBytes: quotaBytes?.(), sidecars: sidecars?.() ?? stood };
    const numbers = decideNumbers(facts, seen);
    const writtenMsAgo = runtime.now() - (this.#writtenAt ?? -Infinity);
    const status = { conditions, numbers, writtenMsAgo };
    const wrote = await actOnStatus(object, status, { api, runtime, recorder, signal });
    if (wrote === "wrote") this.#writtenAt = runtime.now();
    return wrote;
  }

  /** What it comes to is one object for as long as it is the same. */
  #say(use: BackendUse): BackendUse {
    if (this.#use !== undefined && isSameUse(use, this.#use)) return this.#use;
    this.#use = use;
    this.#bell.ring();
    return use;
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
}

/** Whether the connection that was just made or kept is to an etcd that we run. */
function isManaged({ facts: { spec }, access }: BackendRead): boolean {
  return access !== undefined && spec.ok && spec.spec.managed !== undefined;
}
