/**
 * What this process does while it leads, put together anew for each term and taken down at its end:
 *
 *   caches synced → who we are → the Backend → for each etcd that it names: spec tree, reports → statuses → controllers
 *
 * | state       | entered by                                | left by                                        |
 * | ----------- | ----------------------------------------- | ---------------------------------------------- |
 * | `following` | the start; end of a term                  | the election's next term → `leading`           |
 * | `leading`   | a term                                    | what the Backend comes to is known → `serving` |
 * | `serving`   | an etcd that the Backend names; or none: then resources are told why | the Backend comes to something else → `serving` anew |
 *
 * The term's end leads from each to `following`, drain to `ended`.
 */
import { Lineage } from "#core/session/lineage.ts";
import { after, sleep } from "#core/runtime.ts";
import { Tasks } from "#core/tasks.ts";
import { defaultBackend } from "./backend-options.ts";
import { BackendController } from "./controllers/backend/controller.ts";
import type { BackendUse } from "./controllers/backend/use.ts";
import { ManagedController } from "./controllers/managed/controller.ts";
import { Bucket } from "./kube/backoff.ts";
import { get } from "./kube/calls.ts";
import { reasonText } from "./kube/errors.ts";
import type { Term } from "./kube/election.ts";
import { namespaceResource } from "./kube/objects.ts";
import { PublishedController } from "./controllers/published/controller.ts";
import { Memory } from "./controllers/published/memory.ts";
import { SidecarsController } from "./controllers/sidecars/controller.ts";
import { currentOf } from "./controllers/sidecars/judge.ts";
import type { Installation } from "./objects/installation.ts";
import type { OperatorOptions } from "./options.ts";
import type { Running } from "./running.ts";
import { ServedEtcd } from "./served-etcd.ts";
import type { Ancestry } from "./spec-tree/owner.ts";
import { StatusWriter, statusRate } from "./status/status-writer.ts";
import { CaBundle } from "./webhooks/ca-bundle.ts";
import { injectorOf } from "./webhooks/injector.ts";

const askAgainMs = 2_000;
/** After so long without knowing the Backend, resources are told that etcd was not asked. */
const toldMs = 5_000;
const fieldManager = "holdfast-published";

interface Led {
  readonly term: Term;
  /** The uid of kube-system. */
  readonly cluster: string;
  readonly backend: BackendController;
}

/** Started after the Backend's controller, which asks them. */
interface Others {
  managed?: ManagedController;
  sidecars?: SidecarsController;
}

export class Leadership implements AsyncDisposable {
  readonly #running: Running;
  readonly #tasks: Tasks;
  readonly #lineage: Lineage;
  /** Over all terms, and over all that the Backend ever named: fences never go back. */
  readonly #ancestry: Ancestry;
  #serving = false;
  #controllers: readonly PublishedController[] = [];
  #etcd: ServedEtcd | undefined;
  /** Of which etcd that is. */
  #use: BackendUse | undefined;
  #backend: BackendController | undefined;
  #sidecars: SidecarsController | undefined;

  private constructor(running: Running) {
    this.#running = running;
    this.#tasks = new Tasks(running.onBug);
    const lineage = new Lineage(() => {
      running.runtime.log.error("etcd began anew, or another took its place");
      this.#etcd?.begunAnew();
    });
    this.#lineage = lineage;
    this.#ancestry = { highest: () => lineage.highest, highestBase: 0n };
  }

  static start(running: Running): Leadership {
    const leadership = new Leadership(running);
    leadership.#tasks.run("leading", (signal) => leadership.#run(signal));
    return leadership;
  }

  /** Whether this process has taken up what the leader does. */
  get isAtWork(): boolean {
    return this.#serving;
  }

  /** Undefined: this process does not lead, or the Backend names no etcd. */
  get etcdConnected(): boolean | undefined {
    return this.#etcd?.isConnected;
  }

  /** What is known of pods' sidecars; undefined: this process does not lead. */
  get sidecars(): Pick<SidecarsController, "samples" | "injected"> | undefined {
    return this.#sidecars;
  }

  /** Takes up nothing more, and waits for what is under way. */
  async drain(): Promise<void> {
    const all = [...this.#controllers, ...(this.#backend === undefined ? [] : [this.#backend])];
    await Promise.all(all.map((controller) => controller.drain()));
  }

  close(): Promise<void> {
    return this.#tasks.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(signal: AbortSignal): Promise<void> {
    for (;;) {
      const term = await this.#running.election.nextTerm(signal);
      const ended = AbortSignal.any([signal, term.signal]);
      try {
        await this.#lead(term, ended);
      } catch (error) {
        if (!ended.aborted) throw error;
      }
      signal.throwIfAborted();
    }
  }

  /** Rejects when the term ends, after all of it is taken down. */
  async #lead(term: Term, ended: AbortSignal): Promise<never> {
    const { objects, runtime } = this.#running;
    await Promise.all(objects.map((one) => one.synced(ended)));
    const cluster = await this.#clusterId(ended);
    const others: Others = {};
    await using backend = this.#startBackend(term, others);
    await using managed = this.#startManaged(term, backend);
    others.managed = managed;
    await using sidecars = this.#startSidecars(term, backend);
    others.sidecars = sidecars;
    this.#sidecars = sidecars;
    this.#backend = backend;
    await using _bundle = this.#startCaBundle(term);
    runtime.log.info("leading", { cluster });
    try {
      // Resources are told nothing that is over in a moment, and not left without a word for long.
      let use = await backend.useBy(after(runtime.now(), toldMs), undefined, ended);
      for (;;) {
        await using stack = new AsyncDisposableStack();
        stack.defer(() => {
          this.#etcd = undefined;
          this.#use = undefined;
          this.#controllers = [];
          this.#serving = false;
        });
        await this.#serve(stack, { term, cluster, backend }, use);
        use = await backend.nextUse(use, ended);
      }
    } finally {
      this.#backend = undefined;
      this.#sidecars = undefined;
    }
  }

  /** Of the Kubernetes cluster: a second one must not share our spec tree. */
  async #clusterId(signal: AbortSignal): Promise<string> {
    const { api, runtime } = this.#running;
    for (;;) {
      const call = { api, resource: namespaceResource, signal };
      const found = await get(call, { name: "kube-system" });
      if (found.kind === "done") return found.value.metadata.uid;
      const problem = reasonText(found);
      runtime.log.warn("the namespace kube-system, whose uid names the cluster, cannot be read", {
        problem,
      });
      await sleep(runtime, askAgainMs, signal);
    }
  }

  /** The one leads to the other: the etcd that we run is looked at like any other. */
  #startManaged(term: Term, backend: BackendController): ManagedController {
    const { options, api, runtime, kubeMetrics: metrics, authorities, onBug } = this.#running;
    return ManagedController.start({
      ...{ api, runtime, metrics, authorities, installation: installationOf(options) },
      ...{ image: options.etcdImage, backends: backend.backends },
      admin: () => backend.managedAdmin,
      usersStandIn: () => backend.usersStandIn,
      changed: () => {
        backend.look();
      },
      mayAct: () => term.holds(),
      onFailure: onBug,
    });
  }

  /** Undefined: somebody else says whom the API server trusts. */
  #startCaBundle(term: Term): CaBundle | undefined {
    const { options, api, runtime, authorities, onBug } = this.#running;
    const { webhookConfiguration: name } = options;
    if (name === undefined) return undefined;
    const mayAct = (): boolean => term.holds();
    return CaBundle.start({ api, runtime, authorities, name, mayAct, onFailure: onBug });
  }

  #startSidecars(term: Term, { namespaces, pods }: BackendController): SidecarsController {
    const { options, runtime, kubeMetrics: metrics, recorder, authorities, onBug } = this.#running;
    return SidecarsController.start({
      ...{ runtime, metrics, recorder, namespaces, pods },
      current: currentOf(injectorOf(options, authorities)),
      mayAct: () => term.holds(),
      onFailure: onBug,
    });
  }

  #startBackend(term: Term, others: Others): BackendController {
    const { options, api, runtime, kubeMetrics: metrics, objects, recorder, onBug } = this.#running;
    return BackendController.start({
      ...{ api, runtime, metrics, recorder, namespaces: options.namespaces, data: objects },
      operatorNamespace: options.namespace,
      managed: { installation: installationOf(options), facts: () => others.managed?.facts },
      sidecars: () => others.sidecars?.status(),
      defaultSpec: defaultBackend(options),
      quotaBytes: () => this.#etcd?.quotaBytes,
      tree: (use) => (use === this.#use ? this.#etcd?.view : undefined),
      mayAct: () => term.holds(),
      onFailure: onBug,
    });
  }

  async #serve(stack: AsyncDisposableStack, led: Led, use: BackendUse | undefined): Promise<void> {
    const controllers: PublishedController[] = [];
    this.#etcd = await this.#startEtcd(stack, { led, use, controllers });
    this.#use = use;
    this.#startControllers(stack, { led, use, controllers });
    this.#controllers = controllers;
    this.#serving = true;
  }

  async #startEtcd(
    stack: AsyncDisposableStack,
    { led, use, controllers }: Served,
  ): Promise<ServedEtcd | undefined> {
    const { options, objects, runtime } = this.#running;
    if (use === undefined) {
      runtime.log.warn("it is not known yet which etcd is used: the Backend could not be read");
      return undefined;
    }
    if (use.kind !== "usable") {
      runtime.log.warn("the Backend names no etcd that can be used", { problem: use.message });
      return undefined;
    }
    const { endpoints } = use.access;
    const wanted = options.etcdEndpoints;
    if (wanted !== undefined && wanted.toSorted().join() !== endpoints.toSorted().join())
      runtime.log.warn(
        "the Backend names other endpoints than HOLDFAST_ETCD_ENDPOINTS: the Backend's are used",
        { endpoints },
      );
    return stack.use(
      await ServedEtcd.start({
        ...{ running: this.#running, backend: use },
        ...{ lineage: this.#lineage, ancestry: this.#ancestry },
        owner: `${led.cluster}/${options.namespace}/${options.installation}`,
        mayAct: () => led.term.holds(),
        recordChanged: (name) => {
          const at = objects.findIndex(({ kind }) => kind.resource.kind === name.kind);
          controllers[at]?.recordChanged(name);
        },
        allChanged: () => {
          for (const controller of controllers) controller.lookAtAll();
          led.backend.look();
        },
        reportsChanged: (namespace, said) => {
          for (const controller of controllers) controller.reportsChanged(namespace, said);
        },
      }),
    );
  }

  #startControllers(stack: AsyncDisposableStack, { led, use, controllers }: Served): void {
    const { runtime, api, recorder, kubeMetrics, repaired, onBug } = this.#running;
    const etcd = this.#etcd;
    const bucket = new Bucket(runtime, statusRate);
    const mayAct = (): boolean => led.term.holds();
    for (const objects of this.#running.objects) {
      const { resource } = objects.kind;
      const statuses = stack.use(
        StatusWriter.start({
          ...{ api, runtime, resource, fieldManager, bucket, mayAct, onFailure: onBug },
        }),
      );
      const memory = new Memory(runtime);
      const controller = PublishedController.start({
        ...{ runtime, api, objects, mayAct, metrics: kubeMetrics, onFailure: onBug },
        sources: {
          ...{ api, objects, memory },
          records: etcd?.records ?? { get: () => "unknown" },
          backend: () =>
            use === undefined || use.kind === "usable"
              ? (etcd?.view ?? { kind: "connecting" })
              : use,
          reports: (namespace) => etcd?.reports.of(namespace) ?? "unknown",
          conditionsOf: (object) => statuses.conditionsOf(object),
        },
        hands: {
          ...{ runtime, memory, statuses, recorder },
          tree: () => etcd?.tree,
          repaired: repaired(resource.kind),
        },
      });
      controllers.push(stack.use(controller));
    }
  }
}

function installationOf({ installation, namespace }: OperatorOptions): Installation {
  return { name: installation, namespace };
}

interface Served {
  readonly led: Led;
  /** Undefined: not known yet. */
  readonly use: BackendUse | undefined;
  /** Empty before they are started. */
  readonly controllers: PublishedController[];
}
