/** Carries out what was decided about one name: the one write to etcd, the status, the Events. */
import type { Counter } from "#host/metrics.ts";
import type { Runtime } from "#core/runtime.ts";
import type { Fact, Store } from "#core/store.ts";
import type { Recorder } from "../../kube/events.ts";
import type { KubeObject, ObjectKey } from "../../kube/objects.ts";
import { publish, retract, type Wrote } from "../../spec-tree/publish.ts";
import type { SpecRecords } from "../../spec-tree/records.ts";
import type { StatusWriter } from "../../status/status-writer.ts";
import type { Gathered, Plan, Step } from "./decide.ts";
import type { Memory } from "./memory.ts";
import { driftRepaired, type Telling } from "./telling.ts";

/** The spec tree, while it may be written. */
export interface OwnedTree {
  readonly store: Store;
  readonly records: Pick<SpecRecords, "took">;
  /** What every write is given. */
  readonly owned: Fact;
}

export interface Hands {
  readonly runtime: Runtime;
  /** Undefined: nothing may be written to etcd now. */
  readonly tree: () => OwnedTree | undefined;
  readonly memory: Memory;
  readonly statuses: StatusWriter;
  readonly recorder: Pick<Recorder, "record">;
  readonly repaired: Counter;
}

/** Undefined: there was nothing to write, or nothing may be written now. */
export async function applyStep(
  hands: Hands,
  { key, gathered }: { readonly key: ObjectKey; readonly gathered: Gathered },
  step: Step,
): Promise<Wrote | undefined> {
  const tree = hands.tree();
  if (tree === undefined) return undefined;
  switch (step.kind) {
    case "none":
    case "confirm":
      return undefined;
    case "publish":
      return applyPublish({ ...hands, ...tree, key, gathered }, step);
    case "retract":
      return applyRetract({ ...hands, ...tree, key, gathered }, step);
    default:
      return step satisfies never;
  }
}

type Work = Omit<Hands, "tree"> &
  OwnedTree & {
    readonly key: ObjectKey;
    readonly gathered: Gathered;
  };

async function applyPublish(
  work: Work,
  { content, over, onlyUnused, drift }: Extract<Step, { kind: "publish" }>,
): Promise<Wrote> {
  const { runtime, store, records, memory, gathered, owned, key } = work;
  const name = { ...gathered.name, kind: gathered.kind.resource.kind };
  const wrote = await publish(store, owned, {
    ...{ name, content, over, publishedAt: runtime.wallNow() },
    unused: onlyUnused ? gathered.kind.inUse(gathered.name) : undefined,
  });
  memory.published(key, wrote);
  if (wrote.kind !== "done") return wrote;
  records.took(name, wrote.at, content);
  runtime.log.info("published", { ...name, generation: content.generation, drift });
  if (drift && gathered.object !== undefined) {
    work.repaired.add();
    tell(work, gathered.object, [driftRepaired]);
  }
  return wrote;
}

async function applyRetract(
  { runtime, store, records, memory, gathered, owned, key }: Work,
  { over }: Extract<Step, { kind: "retract" }>,
): Promise<Wrote> {
  const { record, kind } = gathered;
  const name = { ...gathered.name, kind: kind.resource.kind };
  const wrote = await retract(store, owned, { name, over });
  if (wrote.kind !== "done") return wrote;
  records.took(name, wrote.at, undefined);
  if (record !== undefined && record !== "unknown") memory.retracted(key, kind.fixed(record.spec));
  runtime.log.info("retracted: Kubernetes no longer has the resource that was published", name);
  return wrote;
}

/** Status and Events. */
export function applyReport(
  hands: Hands,
  { key, gathered }: { readonly key: ObjectKey; readonly gathered: Gathered },
  { status, tellings }: Plan,
): void {
  const { object, record } = gathered;
  if (object === undefined) {
    hands.statuses.forget(key);
    if (record === undefined) hands.memory.gone(key);
    return;
  }
  if (status === undefined) return;
  tell(hands, object, tellings);
  hands.statuses.want(object, status);
}

function tell(
  { recorder }: Pick<Hands, "recorder">,
  object: KubeObject,
  tellings: readonly Telling[],
): void {
  // In a namespace that is being deleted nothing can be made, and nobody reads it any more.
  if (object.metadata.deletionTimestamp !== undefined) return;
  for (const telling of tellings) recorder.record({ regarding: object, ...telling });
}
