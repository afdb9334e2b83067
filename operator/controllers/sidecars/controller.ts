/**
 * The controller of what is injected: finds the pods that ask for a sidecar and run without, and those whose sidecar is old,
 * for one term of leading. Nobody can give a running pod another sidecar, so it changes nothing: it counts them for the
 * metrics and the Backend's status, and tells of them in Events.
 *
 * What it looks at is followed by others: pods and namespaces, for the users in etcd. A key of the queue is a namespace.
 */
import { textMapOf } from "#core/json.ts";
import type { Runtime } from "#core/runtime.ts";
import { Tasks } from "#core/tasks.ts";
import type { Sample } from "#host/metrics.ts";
import { Bucket } from "../../kube/backoff.ts";
import type { Collection } from "../../kube/collection.ts";
import type { Recorder } from "../../kube/events.ts";
import type { KubeMetrics } from "../../kube/metrics.ts";
import { nameOfKey, objectKey } from "../../kube/objects.ts";
import { WorkQueue } from "../../kube/queue.ts";
import { Reconciler, type Reconciled } from "../../kube/reconciler.ts";
import type { Change } from "../../kube/store.ts";
import { isSamePod } from "../../sidecars/pods.ts";
import { decide, noMemory, type Memory, type ToTell } from "./decide.ts";
import type { Current } from "./judge.ts";
import { Listing, type SidecarsStatus } from "./listing.ts";

export interface SidecarsControllerParts {
  readonly runtime: Runtime;
  readonly metrics: KubeMetrics;
  readonly recorder: Pick<Recorder, "record">;
  /** As far as they are served. */
  readonly namespaces: Collection;
  /** As `keptPod` keeps them. */
  readonly pods: Collection;
  readonly current: Current;
  readonly mayAct: () => boolean;
  readonly onFailure: (name: string, error: unknown) => void;
  /** How long a finding stands before it is told. */
  readonly tellAfterMs?: number;
}

const name = "sidecars";
const tellAfterMsDefault = 30_000;
/** Pods come and go in numbers: looked at once they have. */
const gatherMs = 1_000;
/** Events of ours in all: they must not be what others of the operator are dropped for. */
const tellings = { perSecond: 1, burst: 20 } as const;
const tellAgainMs = 5_000;

export class SidecarsController implements AsyncDisposable {
  readonly #parts: SidecarsControllerParts;
  readonly #tasks: Tasks;
  readonly #queue: WorkQueue<string>;
  readonly #bucket: Bucket;
  readonly #listening = new DisposableStack();
  readonly #listing = new Listing();
  readonly #memories = new Map<string, Memory>();
  /** Namespaces that were not looked at yet; undefined: not all is read yet. */
  #unseen: Set<string> | undefined;
  #reconciler: Reconciler<string> | undefined;
  #closed: Promise<void> | undefined;

  private constructor(parts: SidecarsControllerParts) {
    const { runtime, metrics, onFailure } = parts;
    this.#parts = parts;
    this.#tasks = new Tasks(onFailure);
    this.#queue = new WorkQueue({ name, runtime, metrics });
    this.#bucket = new Bucket(runtime, tellings);
  }

  /** Acts once all lists are read. */
  static start(parts: SidecarsControllerParts): SidecarsController {
    const controller = new SidecarsController(parts);
    controller.#tasks.run("beginning with sidecars", (signal) => controller.#begin(signal));
    return controller;
  }

  /** Undefined: not all was looked at yet. */
  status(): SidecarsStatus | undefined {
    return this.#isComplete ? this.#listing.status() : undefined;
  }

  /** Of pods to make anew, by namespace and reason; none while not all was looked at. */
  samples(): Sample[] {
    return this.#isComplete ? this.#listing.samples() : [];
  }

  /** Pods with a sidecar; undefined: not all was looked at yet. */
  get injected(): number | undefined {
    return this.#isComplete ? this.#listing.injected : undefined;
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #isComplete(): boolean {
    return this.#unseen?.size === 0;
  }

  async #begin(signal: AbortSignal): Promise<void> {
    const { runtime, metrics, namespaces, pods, mayAct, onFailure } = this.#parts;
    await Promise.all([namespaces.synced(signal), pods.synced(signal)]);
    this.#unseen = pods.namespaces();
    this.#listening.use(namespaces.listen((change) => this.#namespaceTold(change)));
    this.#listening.use(pods.listen((change) => this.#podTold(change)));
    for (const namespace of this.#unseen) this.#queue.add(namespace, "background");
    this.#reconciler = Reconciler.start({
      ...{ name, runtime, metrics, mayAct, onFailure, queue: this.#queue, workers: 1 },
      reconcile: (namespace) => Promise.resolve(this.#reconcile(namespace)),
    });
  }

  async #end(): Promise<void> {
    await this.#tasks.close();
    this.#listening.dispose();
    await this.#reconciler?.close();
    await this.#queue.drain();
  }

  #namespaceTold(change: Change): void {
    this.#queue.add(nameOfKey(change.key).name, "background");
  }

  #podTold(change: Change): void {
    if (change.kind === "changed" && isSamePod(change.was, change.now)) return;
    const { namespace = "" } = nameOfKey(change.key);
    this.#queue.addAfter(namespace, gatherMs, "background");
  }

  #reconcile(namespace: string): Reconciled {
    const { runtime, namespaces, pods, current, tellAfterMs = tellAfterMsDefault } = this.#parts;
    const found = namespaces.get(objectKey({ name: namespace }));
    const isThere = found !== undefined && found.metadata.deletionTimestamp === undefined;
    const labels = isThere ? textMapOf(found.metadata.labels) : undefined;
    const seen = { name: namespace, labels, pods: pods.of(namespace), current };
    const now = runtime.now();
    const before = this.#memories.get(namespace) ?? noMemory;
    const { tally, memory, tell, again } = decide(seen, before, { now, tellAfterMs });
    this.#listing.set(namespace, tally);
    const told = this.#tell(tell);
    if (memory.since.size === 0) this.#memories.delete(namespace);
    else this.#memories.set(namespace, { ...memory, told: new Set([...memory.told, ...told]) });
    this.#unseen?.delete(namespace);
    if (told.length < tell.length) return { kind: "later", afterMs: tellAgainMs };
    return again === undefined ? { kind: "done" } : { kind: "later", afterMs: again - now };
  }

  /** As many as may be now; gives back which. */
  #tell(tell: readonly ToTell[]): string[] {
    const told: string[] = [];
    for (const { key, news } of tell) {
      if (!this.#bucket.take()) break;
      this.#parts.recorder.record(news);
      told.push(key);
    }
    return told;
  }
}
