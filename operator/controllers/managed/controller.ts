/**
 * The controller of the etcd that the operator runs: makes its objects and certificates, and lets sidecars in.
 *
 * What must hold: a sidecar's certificate is taken only by an etcd in which users are switched on. An etcd whose data was
 * lost is a new one, without users, under the same address: so what a member trusts beside the operator is bound to the
 * incarnation of its data, a number that its launcher makes by chance when the folder is empty.
 *
 * | who            | writes                            | when                                              | if the answer is lost |
 * | -------------- | --------------------------------- | ------------------------------------------------- | --------------------- |
 * | the launcher   | the incarnation, beside the data  | the folder is empty                               | – (it starts again: another one, as empty) |
 * | this           | certificates' Secrets             | missing, due, or not as they ought to be          | the watch shows it; else another certificate is made |
 * | this           | `operator.crt`, `clients-of`, its version, in the trust's Secret | differs from what is decided      | applied again, the same text |
 * | this           | Services, StatefulSet, with the trust's version | after the Secrets that it mounts    | applied again |
 * | this           | user and role `root`, AUTH ENABLED | etcd answers, users off                          | each step may be made twice; `auth` is read again |
 * | backend/       | the users of namespaces           | etcd answers, in each incarnation anew            | looked at again |
 * | spec-tree/     | the base                          | as in any etcd that begins anew                   | a compared write |
 * | this           | `clients.crt`, `clients-of` = the incarnation | users on, users stand, base there, all read of this incarnation | applied again |
 * | the kubelet    | a pod that mounts this version    | the set's template names another version          | – |
 * | this           | the version, on the pod; only where the data goes with the pod | the Secret stands, the pod bears another | the kubelet looks by itself, within two minutes |
 * | the launcher   | etcd's trust, and starts it again | the mounted files say another                     | – |
 *
 * | state of the data  | entered by                       | what sidecars meet           | left by                            |
 * | ------------------ | -------------------------------- | ---------------------------- | ---------------------------------- |
 * | empty              | first start; the volume is lost  | their certificate is refused | `root`, users on, users, base → prepared |
 * | prepared           | all of these stand               | refused, until the restart   | `clients-of` names it, new version → restart → open |
 * | open               | a start with `clients-of` of this incarnation | they are taken  | the data is lost → empty           |
 *
 * A leader that is deposed in between has written nothing that is not true for ever: an incarnation with users switched on
 * has them on until it is gone, and never comes back under its name. At worst it puts back the name of a former one, which
 * closes the door at a restart; the next leader sees that by its watch and opens it again.
 *
 * The version of what is trusted is a key of the Secret that the pod's volume names: a kubelet whose copy of the Secret is old
 * does not have it, and waits, so that no pod starts with what was trusted before. Where the data goes with the pod, the
 * template names no version: each would be another pod, with other data. A pod of an old copy then trusts a former
 * incarnation's clients, which it is not, and the launcher follows what is mounted.
 *
 * Nothing is ever deleted here, no claim above all.
 */
import { parseBackendSpec } from "#api/resources/backend.ts";
import type { Runtime } from "#core/runtime.ts";
import { Tasks } from "#core/tasks.ts";
import type { ManagedFacts } from "../../conditions/managed-facts.ts";
import type { EtcdAdmin } from "../../etcd-admin/admin.ts";
import { AdminHand } from "../../etcd-admin/hand.ts";
import { readStanding, switchUsersOn, type Standing } from "../../etcd-admin/standing.ts";
import type { Api } from "../../kube/api.ts";
import type { Collection } from "../../kube/collection.ts";
import { reasonText } from "../../kube/errors.ts";
import type { KubeMetrics } from "../../kube/metrics.ts";
import { objectKey, podResource, type ObjectKey } from "../../kube/objects.ts";
import { WorkQueue } from "../../kube/queue.ts";
import { Reconciler, type Reconciled } from "../../kube/reconciler.ts";
import type { ManagedSpec } from "../../objects/etcd.ts";
import type { EtcdPod } from "../../objects/etcd-pod.ts";
import type { Wanted } from "../../objects/wanted.ts";
import { etcdNames, type Installation } from "../../objects/installation.ts";
import { usedName } from "../backend/resources.ts";
import { hurry, write } from "./act.ts";
import { decide, type Authorities, type Held, type Plan, type Seen } from "./decide.ts";
import { Followed } from "./followed.ts";
import { claims } from "./resources.ts";

export interface ManagedControllerParts {
  readonly api: Api;
  readonly runtime: Runtime;
  readonly metrics: KubeMetrics;
  readonly installation: Installation;
  /** Of etcd; undefined: nobody has said it. */
  readonly image: string | undefined;
  readonly pod: EtcdPod;
  readonly backends: Collection;
  readonly authorities: {
    readonly get: (which: keyof Authorities) => Held | undefined;
    readonly onChange: (listener: () => void) => Disposable;
  };
  /** The connection to it: see {@link BackendController.managedAdmin}. */
  readonly admin: () => EtcdAdmin | undefined;
  /** The incarnation in which all namespaces that need a user have one. */
  readonly usersStandIn: () => string | undefined;
  /** What {@link ManagedController.facts} says is another. */
  readonly changed: () => void;
  readonly mayAct: () => boolean;
  readonly onFailure: (name: string, error: unknown) => void;
  readonly lookEveryMs?: number;
}

const controllerName = "managed-etcd";
const lookEveryMsDefault = 10_000;
/** While something is on its way that tells nobody when it comes. */
const soonMs = 1_000;

export class ManagedController implements AsyncDisposable {
  readonly #parts: ManagedControllerParts;
  readonly #tasks: Tasks;
  readonly #queue: WorkQueue<ObjectKey>;
  readonly #listening = new DisposableStack();
  readonly #usedKey: ObjectKey;
  #followed: Followed | undefined;
  #problem: ManagedFacts["problem"];
  #plan: Plan | undefined;
  #reconciler: Reconciler<ObjectKey> | undefined;
  #closed: Promise<void> | undefined;

  private constructor(parts: ManagedControllerParts) {
    this.#parts = parts;
    const { runtime, metrics, installation, backends, authorities, onFailure } = parts;
    this.#tasks = new Tasks(onFailure);
    this.#queue = new WorkQueue({ name: controllerName, runtime, metrics });
    this.#usedKey = objectKey({ namespace: installation.namespace, name: usedName });
    this.#listening.use(
      backends.listen(({ key }) => {
        if (key === this.#usedKey) this.#look("edit");
      }),
    );
    this.#listening.use(
      authorities.onChange(() => {
        this.#look("background");
      }),
    );
  }

  static start(parts: ManagedControllerParts): ManagedController {
    const controller = new ManagedController(parts);
    controller.#tasks.run("beginning with the managed etcd", (signal) => controller.#begin(signal));
    return controller;
  }

  /** Undefined: the Backend is none that we run, or nothing was looked at yet. */
  get facts(): ManagedFacts | undefined {
    const followed = this.#followed;
    if (followed === undefined) return undefined;
    const { statefulSet } = etcdNames(this.#parts.installation);
    return {
      problem: this.#problem,
      storage: this.#plan?.storage,
      storageKept: this.#plan?.storageKept,
      pod: followed.get(podResource, `${statefulSet}-0`),
      claim: followed.get(claims, `data-${statefulSet}-0`),
      trusted: this.#plan?.trusted ?? false,
    };
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #begin(signal: AbortSignal): Promise<void> {
    await this.#parts.backends.synced(signal);
    const { runtime, metrics, mayAct, onFailure } = this.#parts;
    this.#reconciler = Reconciler.start({
      ...{ name: controllerName, runtime, metrics, mayAct, onFailure },
      queue: this.#queue,
      workers: 1,
      reconcile: (_key, until) => this.#reconcile(until),
    });
    this.#look("background");
  }

  async #end(): Promise<void> {
    this.#listening.dispose();
    await this.#tasks.close();
    await this.#reconciler?.close();
    await Promise.all([this.#followed?.close(), this.#queue.drain()]);
  }

  #look(priority: "edit" | "background"): void {
    if (!this.#tasks.signal.aborted) this.#queue.add(this.#usedKey, priority);
  }

  async #reconcile(signal: AbortSignal): Promise<Reconciled> {
    const spec = this.#spec();
    if (spec === undefined) {
      await this.#leave();
      return { kind: "done" };
    }
    const followed = this.#follow();
    await followed.synced(signal);
    const given = this.#given();
    if (given.kind !== "complete") {
      this.#say(given, this.#plan);
      return { kind: "later", afterMs: soonMs };
    }
    const { image, authorities } = given;
    const standing = await this.#standing(signal);
    const plan = decide({
      ...{ spec, image, authorities, standing },
      ...this.#around(followed),
    });
    if (plan.switchUsersOn) await this.#switchUsersOn(signal);
    const { api, installation, mayAct } = this.#parts;
    const isFollowed = ({ resource, name }: Wanted) => followed.get(resource, name) !== undefined;
    const written = await write(plan.writes, { api, installation, mayAct, isFollowed }, signal);
    this.#say(
      written.kind === "done" ? undefined : { kind: "objectsRefused", message: written.message },
      plan,
    );
    await this.#hurry(plan, signal);
    const settled = plan.writes.length === 0 && plan.trusted;
    // Whoever makes the users has to look at each incarnation anew.
    if (standing !== undefined && standing.incarnation !== this.#parts.usersStandIn())
      this.#parts.changed();
    const { lookEveryMs = lookEveryMsDefault } = this.#parts;
    return { kind: "later", afterMs: settled ? lookEveryMs : soonMs };
  }

  /** Undefined: there is no Backend, or none that we run. */
  #spec(): ManagedSpec | undefined {
    const object = this.#parts.backends.get(this.#usedKey);
    if (object === undefined) return undefined;
    const read = parseBackendSpec(object["spec"], "spec");
    return read.ok ? read.spec.managed : undefined;
  }

  #follow(): Followed {
    const { api, runtime, metrics, installation, onFailure } = this.#parts;
    this.#followed ??= Followed.start({
      ...{ api, runtime, metrics, installation, onFailure },
      changed: () => {
        this.#look("background");
        this.#parts.changed();
      },
    });
    return this.#followed;
  }

  /** What was made stays as it is: it holds data. */
  async #leave(): Promise<void> {
    const followed = this.#followed;
    this.#followed = undefined;
    this.#plan = undefined;
    this.#problem = undefined;
    await followed?.close();
  }

  #given():
    | { readonly kind: "complete"; readonly image: string; readonly authorities: Authorities }
    | NonNullable<ManagedFacts["problem"]> {
    const { image, authorities } = this.#parts;
    if (image === undefined)
      return {
        kind: "imageUnknown",
        message: "Nobody has said which image it is: set HOLDFAST_ETCD_IMAGE for the operator.",
      };
    const [operator, clients, peers] = (["operator", "clients", "peers"] as const).map((which) =>
      authorities.get(which),
    );
    if (operator === undefined || clients === undefined || peers === undefined)
      return {
        kind: "authorityMissing",
        message: "The authorities of its certificates are not made or read yet; the log says why.",
      };
    return { kind: "complete", image, authorities: { operator, clients, peers } };
  }

  #around(followed: Followed): Omit<Seen, "spec" | "image" | "authorities" | "standing"> {
    const { installation, pod, usersStandIn, runtime } = this.#parts;
    return {
      ...{ installation, pod },
      object: (resource, name) => followed.get(resource, name),
      usersStandIn: usersStandIn(),
      nowMs: runtime.wallNow(),
    };
  }

  async #standing(signal: AbortSignal): Promise<Standing | undefined> {
    const hand = this.#hand(signal);
    if (hand === undefined) return undefined;
    const told = await readStanding(hand);
    if (told.kind === "done") return told.value;
    this.#parts.runtime.log.debug("the managed etcd does not say how it stands", {
      reason: told.message,
    });
    return undefined;
  }

  #hand(signal: AbortSignal): AdminHand | undefined {
    const { admin, mayAct } = this.#parts;
    const connected = admin();
    return connected === undefined ? undefined : new AdminHand(connected, { signal, mayAct });
  }

  async #switchUsersOn(signal: AbortSignal): Promise<void> {
    const { runtime } = this.#parts;
    const hand = this.#hand(signal);
    if (hand === undefined) return;
    const done = await switchUsersOn(hand);
    if (done.kind === "done") runtime.log.info("users are switched on in the managed etcd");
    else
      runtime.log.warn("users could not be switched on in the managed etcd", {
        reason: done.message,
      });
  }

  /** Told and no more where it is refused: the kubelet looks by itself. */
  async #hurry({ hurry: wanted }: Plan, signal: AbortSignal): Promise<void> {
    const { api, runtime, mayAct } = this.#parts;
    if (wanted === undefined || !mayAct()) return;
    const told = await hurry(wanted, api, signal);
    if (told.kind === "done") return;
    runtime.log.warn("the kubelet could not be hurried to what the managed etcd is to trust", {
      reason: reasonText(told),
    });
  }

  #say(problem: ManagedFacts["problem"], plan: Plan | undefined): void {
    const before = this.#problem;
    const wasTrusted = this.#plan?.trusted;
    this.#problem = problem;
    this.#plan = plan;
    if (before?.message === problem?.message && wasTrusted === plan?.trusted) return;
    this.#parts.changed();
  }
}
