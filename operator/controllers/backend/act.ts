/** Writes the status of a Backend, and tells what changed in it. */
import { canonicalJson } from "#core/json.ts";
import type { Runtime } from "#core/runtime.ts";
import { outline, readConditions, transition, type Judged } from "../../conditions/condition.ts";
import { applyStatus } from "../../kube/apply.ts";
import type { Api } from "../../kube/api.ts";
import { isRefused, recordOf, valueOf } from "../../kube/errors.ts";
import type { Recorder } from "../../kube/events.ts";
import type { KubeObject } from "../../kube/objects.ts";
import type { Numbers } from "./decide.ts";
import { backends, fieldManager } from "./resources.ts";
import { changesToTell } from "./telling.ts";

/** Between two writes that only bring numbers and words up to date. */
const refreshMs = 15_000;

export interface WantedStatus {
  readonly conditions: readonly Judged[];
  readonly numbers: Numbers;
  /** How long ago the status was written last; Infinity: never by this process. */
  readonly writtenMsAgo: number;
}

export interface StatusHands {
  readonly api: Api;
  readonly runtime: Runtime;
  readonly recorder: Pick<Recorder, "record">;
  readonly signal: AbortSignal;
}

/**
 * A condition that changed is written now; the rest at most every {@link refreshMs}. `moved`: it is another version than was
 * judged, which the watch tells of soon, or never where only its labels were edited: to be judged again.
 */
export async function actOnStatus(
  object: KubeObject,
  wanted: WantedStatus,
  { api, runtime, recorder, signal }: StatusHands,
): Promise<"wrote" | "same" | "moved"> {
  const before = recordOf(object["status"]);
  const generation = object.metadata.generation ?? 0;
  const wallNow = runtime.wallNow();
  const stored = readConditions(before["conditions"]);
  const status = {
    observedGeneration: generation,
    ...wanted.numbers,
    conditions: transition(stored, wanted.conditions, { generation, wallNow }),
  };
  if (canonicalJson(before) === canonicalJson(status)) return "same";
  const turned = outline(before) !== outline(status);
  if (!turned && wanted.writtenMsAgo < refreshMs) return "same";
  const of = { of: object, status };
  const applied = await applyStatus({ api, resource: backends, signal }, fieldManager, of);
  if (isRefused(applied, "notFound")) return "same";
  if (isRefused(applied, "conflict")) return "moved";
  valueOf("the status of a Backend", applied);
  for (const telling of changesToTell(stored, wanted.conditions))
    recorder.record({ regarding: object, ...telling });
  return "wrote";
}
