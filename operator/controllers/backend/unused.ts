/**
 * Backends that are not used: each is told so in its status, and nothing else is done about it. They have a worker of their
 * own: whoever may write a Backend in some namespace must not keep the one that is used from being looked at.
 */
import type { Runtime } from "#core/runtime.ts";
import type { Api } from "../../kube/api.ts";
import type { Collection } from "../../kube/collection.ts";
import type { Recorder } from "../../kube/events.ts";
import type { KubeMetrics } from "../../kube/metrics.ts";
import type { ObjectKey } from "../../kube/objects.ts";
import { WorkQueue, type Priority } from "../../kube/queue.ts";
import { Reconciler, type Reconciled } from "../../kube/reconciler.ts";
import { actOnStatus } from "./act.ts";
import { decideConditions } from "./decide.ts";
import { readUnused } from "./gather.ts";

export interface UnusedBackendsParts {
  readonly api: Api;
  readonly runtime: Runtime;
  readonly metrics: KubeMetrics;
  readonly recorder: Pick<Recorder, "record">;
  readonly operatorNamespace: string;
  readonly backends: () => Collection;
  readonly mayAct: () => boolean;
  readonly onFailure: (name: string, error: unknown) => void;
}

const name = "backend-unused";

export class UnusedBackends implements AsyncDisposable {
  readonly #parts: UnusedBackendsParts;
  readonly #queue: WorkQueue<ObjectKey>;
  #reconciler: Reconciler<ObjectKey> | undefined;

  constructor(parts: UnusedBackendsParts) {
    this.#parts = parts;
    this.#queue = new WorkQueue({ name, runtime: parts.runtime, metrics: parts.metrics });
  }

  add(key: ObjectKey, priority: Priority): void {
    this.#queue.add(key, priority);
  }

  /** Once all lists are read. */
  begin(): void {
    const { runtime, metrics, mayAct, onFailure } = this.#parts;
    this.#reconciler = Reconciler.start({
      ...{ name, runtime, metrics, mayAct, onFailure, queue: this.#queue, workers: 1 },
      reconcile: (key, signal) => this.#reconcile(key, signal),
    });
  }

  async drain(): Promise<void> {
    await Promise.all([this.#reconciler?.drain(), this.#queue.drain()]);
  }

  async close(): Promise<void> {
    await this.#reconciler?.close();
    await this.#queue.drain();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #reconcile(key: ObjectKey, signal: AbortSignal): Promise<Reconciled> {
    const { api, runtime, recorder, operatorNamespace, backends } = this.#parts;
    const object = backends().get(key);
    if (object === undefined) return { kind: "done" };
    const conditions = decideConditions(readUnused(object, operatorNamespace));
    const wanted = { conditions, numbers: {}, writtenMsAgo: Infinity };
    const wrote = await actOnStatus(object, wanted, { api, runtime, recorder, signal });
    return wrote === "moved" ? { kind: "again" } : { kind: "done" };
  }
}
