/**
 * What this process does while it leads, put together anew for each term and taken down at its end:
 *
 *   caches synced → who we are → spec tree: records, owner → reports → statuses → controllers
 *
 * | state       | entered by              | left by                                       |
 * | ----------- | ----------------------- | --------------------------------------------- |
 * | `following` | the start; end of a term | the election's next term → `leading`         |
 * | `leading`   | a term                  | the term's end → `following`; drain → `ended` |
 */
import { aborted, sleep } from "#core/runtime.ts";
import { Tasks } from "#core/tasks.ts";
import { Maintenance } from "#etcd/maintenance.ts";
import { MaintenanceCalls } from "#etcd/maintenance-calls.ts";
import { Bucket } from "./kube/backoff.ts";
import { get } from "./kube/calls.ts";
import { reasonText } from "./kube/errors.ts";
import type { Term } from "./kube/election.ts";
import type { Resource } from "./kube/objects.ts";
import { isApplied, PublishedController } from "./controllers/published/controller.ts";
import { Memory } from "./controllers/published/memory.ts";
import type { Running } from "./running.ts";
import { Reports } from "./sidecars/reports.ts";
import { TreeOwner } from "./spec-tree/owner.ts";
import { SpecRecords } from "./spec-tree/records.ts";
import { StatusWriter, statusRate } from "./status/status-writer.ts";

const askAgainMs = 2_000;
const fieldManager = "holdfast-published";

export const namespaceResource: Resource = {
  group: "",
  version: "v1",
  kind: "Namespace",
  plural: "namespaces",
  namespaced: false,
};

interface Led {
  readonly term: Term;
  readonly controllers: readonly PublishedController[];
}

export class Leadership implements AsyncDisposable {
  readonly #running: Running;
  readonly #tasks: Tasks;
  #led: Led | undefined;
  #owner: TreeOwner | undefined;
  #records: SpecRecords | undefined;

  private constructor(running: Running) {
    this.#running = running;
    this.#tasks = new Tasks(running.onBug);
  }

  static start(running: Running): Leadership {
    const leadership = new Leadership(running);
    leadership.#tasks.run("leading", (signal) => leadership.#run(signal));
    return leadership;
  }

  /** Whether this process has taken up what the leader does. */
  get isAtWork(): boolean {
    return this.#led !== undefined;
  }

  /** The process has seen that etcd began anew. */
  begunAnew(): void {
    this.#owner?.begunAnew();
    this.#records?.readAgain();
  }

  /** Takes up nothing more, and waits for what is under way. */
  async drain(): Promise<void> {
    const { controllers = [] } = this.#led ?? {};
    await Promise.all(controllers.map((controller) => controller.drain()));
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

  /** Resolves when all of the term is taken down. */
  async #lead(term: Term, ended: AbortSignal): Promise<void> {
    const { objects, runtime } = this.#running;
    await Promise.all(objects.map((one) => one.synced(ended)));
    const cluster = await this.#clusterId(ended);
    await using stack = new AsyncDisposableStack();
    stack.defer(() => {
      this.#led = this.#owner = this.#records = undefined;
    });
    const controllers = this.#takeUp(stack, term, cluster);
    this.#led = { term, controllers };
    runtime.log.info("leading", { cluster });
    await aborted(ended);
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

  #takeUp(stack: AsyncDisposableStack, term: Term, cluster: string): PublishedController[] {
    const { options, runtime, store, client, objects, onBug } = this.#running;
    const controllers: PublishedController[] = [];
    const namespaces = (): Set<string> => new Set(objects.flatMap((one) => [...one.namespaces()]));
    const records = stack.use(
      SpecRecords.start({
        ...{ runtime, store, namespaces: options.namespaces, onFailure: onBug },
        changed: (name) => {
          const at = objects.findIndex(({ kind }) => kind.resource.kind === name.kind);
          controllers[at]?.recordChanged(name);
        },
        wasRead: () => {
          for (const controller of controllers) controller.lookAtAll();
        },
      }),
    );
    const owner = stack.use(
      TreeOwner.start({
        ...{ runtime, store, namespaces, onFailure: onBug },
        ancestry: this.#running.ancestry,
        owner: `${cluster}/${options.installation}`,
        sessionTtlMs: options.sessionTtl,
        etcdProblem: () => client.status().lastError,
        mayAct: () => term.holds(),
        changed: () => {
          for (const controller of controllers) controller.lookAtAll();
        },
      }),
    );
    const reports = stack.use(
      Reports.start({
        ...{ runtime, store, namespaces, onFailure: onBug },
        isSettled: (namespace, said) =>
          objects.every((one) => isApplied({ objects: one, records }, namespace, said)),
        changed: (namespace, said) => {
          for (const controller of controllers) controller.reportsChanged(namespace, said);
        },
      }),
    );
    if (options.etcdMaintenance) {
      const port = new MaintenanceCalls(client);
      stack.use(Maintenance.start({ port, runtime, onFailure: onBug }));
    }
    this.#owner = owner;
    this.#records = records;
    this.#startControllers({ stack, term, records, owner, reports, controllers });
    return controllers;
  }

  #startControllers({ stack, term, records, owner, reports, controllers }: Parts): void {
    const { runtime, api, store, recorder, kubeMetrics, repaired, onBug } = this.#running;
    const bucket = new Bucket(runtime, statusRate);
    const mayAct = (): boolean => term.holds();
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
          ...{ api, objects, records, memory },
          backend: () => owner.backend,
          reports: (namespace) => reports.of(namespace),
          conditionsOf: (object) => statuses.conditionsOf(object),
        },
        hands: {
          ...{ runtime, store, records, memory, statuses, recorder },
          owned: () => owner.owned,
          repaired: repaired(resource.kind),
        },
      });
      controllers.push(stack.use(controller));
    }
  }
}

interface Parts {
  readonly stack: AsyncDisposableStack;
  readonly term: Term;
  readonly records: SpecRecords;
  readonly owner: TreeOwner;
  readonly reports: Reports;
  readonly controllers: PublishedController[];
}
