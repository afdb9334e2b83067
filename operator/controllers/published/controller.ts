/**
 * The controller of one published kind, for one term of leading: gather → decide → act, again and again for every name of
 * which Kubernetes, etcd or the sidecars told something.
 */
import { numberOf } from "#core/json.ts";
import type { Runtime } from "#core/runtime.ts";
import type { SidecarReport } from "#core/spec/report.ts";
import type { RecordName } from "#core/spec/keys.ts";
import type { Api } from "../../kube/api.ts";
import { recordOf } from "../../kube/errors.ts";
import type { KubeMetrics } from "../../kube/metrics.ts";
import {
  keyOf,
  objectKey,
  resourceText,
  type KubeObject,
  type ObjectKey,
} from "../../kube/objects.ts";
import { WorkQueue } from "../../kube/queue.ts";
import { Reconciler, type Reconciled } from "../../kube/reconciler.ts";
import { coverageOf } from "../../conditions/coverage.ts";
import type { ReportsChange } from "../../sidecars/reports.ts";
import type { SpecRecords } from "../../spec-tree/records.ts";
import { applyReport, applyStep, type Hands } from "./act.ts";
import { decide, generationOf } from "./decide.ts";
import { ask, gather, type Asked, type Sources } from "./gather.ts";
import type { Objects } from "./objects.ts";
import { usageOf, type Usage } from "./usage.ts";

export interface ControllerParts {
  readonly runtime: Runtime;
  readonly api: Api;
  readonly metrics: KubeMetrics;
  readonly objects: Objects;
  readonly sources: Sources;
  readonly hands: Hands;
  readonly mayAct: () => boolean;
  readonly onFailure: (name: string, error: unknown) => void;
}

export class PublishedController implements AsyncDisposable {
  readonly #parts: ControllerParts;
  readonly #queue: WorkQueue<ObjectKey>;
  readonly #reconciler: Reconciler<ObjectKey>;
  readonly #listening: Disposable;

  private constructor(parts: ControllerParts) {
    const { objects, runtime, metrics, mayAct, onFailure } = parts;
    this.#parts = parts;
    const name = resourceText(objects.kind.resource);
    this.#queue = new WorkQueue({ name, runtime, metrics });
    this.#listening = objects.listen((change, origin) => {
      const isNews = origin === "watch" || (change.kind !== "deleted" && wasEdited(change.now));
      this.#queue.add(change.key, isNews ? "edit" : "background");
    });
    this.#reconciler = Reconciler.start({
      ...{ name, runtime, metrics, mayAct, onFailure, queue: this.#queue },
      reconcile: (key, signal) => this.#reconcile(key, signal),
    });
  }

  static start(parts: ControllerParts): PublishedController {
    const controller = new PublishedController(parts);
    controller.lookAtAll();
    return controller;
  }

  /** What a user edited while nobody looked goes first. */
  lookAtAll(): void {
    for (const object of this.#parts.objects.all())
      this.#queue.add(keyOf(object), wasEdited(object) ? "edit" : "background");
  }

  /** A record of this kind is not what it was. */
  recordChanged({ namespace, name }: RecordName): void {
    this.#queue.add(objectKey({ namespace, name }), "background");
  }

  /** The sidecars of a namespace say something new: of some resources, or of themselves, which concerns all. */
  reportsChanged(namespace: string, { before, now }: ReportsChange): void {
    const { objects } = this.#parts;
    const { kind } = objects.kind.resource;
    const isWhole = before === undefined || headsOf(before) !== headsOf(now);
    for (const object of objects.of(namespace)) {
      const of = { kind, name: object.metadata.name };
      const isSame = !isWhole && sameUsage(usageOf(before, of), usageOf(now, of));
      if (!isSame) this.#queue.add(keyOf(object), "background");
    }
  }

  async drain(): Promise<void> {
    this.#listening[Symbol.dispose]();
    await Promise.all([this.#reconciler.drain(), this.#queue.drain()]);
  }

  async close(): Promise<void> {
    this.#listening[Symbol.dispose]();
    await this.#reconciler.close();
    await this.#queue.drain();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #reconcile(key: ObjectKey, signal: AbortSignal): Promise<Reconciled> {
    const { sources, hands, mayAct } = this.#parts;
    let asked: Asked;
    let gathered = gather(sources, key);
    let plan = decide(gathered);
    if (plan.step.kind === "confirm") {
      asked = await ask(sources, key, signal);
      gathered = gather(sources, key, asked);
      plan = decide(gathered);
    }
    if (!mayAct()) return { kind: "again" };
    const wrote = await applyStep(hands, { key, gathered }, plan.step);
    if (wrote !== undefined) {
      gathered = gather(sources, key, asked);
      plan = decide(gathered);
    }
    applyReport(hands, { key, gathered }, plan);
    if (wrote !== undefined && ["moved", "refused", "unknown"].includes(wrote.kind))
      return { kind: "again" };
    return plan.againMs === undefined ? { kind: "done" } : { kind: "later", afterMs: plan.againMs };
  }
}

/** Whether all that is published in the namespace is applied by all who sent these reports, as far as they can. */
export function isApplied(
  { objects, records }: { readonly objects: Objects; readonly records: SpecRecords },
  namespace: string,
  reports: readonly SidecarReport[],
): boolean {
  const { kind } = objects.kind.resource;
  return objects.of(namespace).every(({ metadata: { name } }) => {
    const record = records.get({ namespace, kind, name });
    const isThere = record !== undefined && record !== "unknown";
    return isThere && coverageOf(reports, record).behind.length === 0;
  });
}

/** By what its status says was judged last. One that never was is not told from those that a restart brings. */
function wasEdited(object: KubeObject): boolean {
  const observed = numberOf(recordOf(object["status"])["observedGeneration"]);
  return observed !== undefined && observed < generationOf(object);
}

const sameUsage = (a: Usage, b: Usage): boolean => JSON.stringify(a) === JSON.stringify(b);

function headsOf(reports: readonly SidecarReport[]): string {
  return reports.map(({ pod, level, applied }) => `${pod} ${level} ${applied}`).join("\n");
}
