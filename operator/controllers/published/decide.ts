/**
 * What is to become of one resource, from what was gathered about it. Pure: asked twice with the same, it says the same.
 *
 * | Kubernetes       | etcd                                  | step                                            |
 * | ---------------- | ------------------------------------- | ----------------------------------------------- |
 * | has it           | the same generation and content       | none                                            |
 * | has it           | nothing, an older generation          | publish                                         |
 * | had it published | nothing                               | confirm, then publish: it may be of a former resource |
 * | has it           | other content, but a newer generation | our view may be old: confirm, then publish over it |
 * | has it           | another uid's                         | confirm, then publish over it; where that cannot be, retract |
 * | does not have it | a record                              | confirm, then retract                           |
 *
 * `confirm` asks the API server itself: watches may be behind, and a newer record must not be replaced by an older one. What is
 * not accepted is not published; what stands of the same resource stays in force. Where a former resource of the name may have
 * been of another mode, its record goes, and the new one is published when nothing of the former is in use any more.
 */
import type { FieldProblem } from "#api/fields/read.ts";
import { canonicalJson } from "#core/json.ts";
import type { StoreRefusal } from "#core/outcome.ts";
import type { SidecarReport } from "#core/spec/report.ts";
import type { RecordContent } from "#core/spec/records.ts";
import { noRevision, type Revision } from "#core/store.ts";
import { accepted } from "../../conditions/accepted.ts";
import { backendReachable, type BackendView } from "../../conditions/backend-reachable.ts";
import type { Condition, StoredCondition } from "../../conditions/condition.ts";
import { coverageOf, nobody } from "../../conditions/coverage.ts";
import { lagging, lagMsMax } from "../../conditions/lagging.ts";
import { programmed } from "../../conditions/programmed.ts";
import { ready } from "../../conditions/ready.ts";
import { stalled } from "../../conditions/stalled.ts";
import { recordOf } from "../../kube/errors.ts";
import type { KubeObject, ObjectName } from "../../kube/objects.ts";
import type { SpecRecord } from "../../spec-tree/records.ts";
import { changesToTell, type Telling } from "./telling.ts";
import type { PublishedKind } from "./kinds.ts";
import { usageOf, usageSaid, type Usage } from "./usage.ts";

export interface Gathered {
  readonly kind: PublishedKind;
  readonly name: ObjectName & { readonly namespace: string };
  /** What Kubernetes has; undefined: nothing. */
  readonly object: KubeObject | undefined;
  /** Whether the API server itself said so just now, and not only watches some time ago. */
  readonly confirmed: boolean;
  /** The conditions as they were last written. */
  readonly conditions: readonly StoredCondition[];
  readonly record: SpecRecord | undefined | "unknown";
  readonly backend: BackendView;
  readonly reports: readonly SidecarReport[] | "unknown";
  readonly memory: Remembered;
}

/** What this process has seen of the name, and nobody else tells. */
export interface Remembered {
  /** The last publish found that something of a former resource is in use. */
  readonly oldGrants: boolean;
  /** With which the last write was refused. */
  readonly refusal: StoreRefusal | undefined;
  /** Since when the record stands as it does. */
  readonly standsMs: number;
  /** What was fixed of the resource that was retracted last. Undefined: none was, or nobody remembers. */
  readonly retracted: string | undefined;
}

export type Step =
  | { readonly kind: "none" }
  | { readonly kind: "confirm" }
  | {
      readonly kind: "publish";
      readonly content: Omit<RecordContent, "publishedAt">;
      /** What it replaces. */
      readonly over: Revision;
      /** Only when nothing of a former resource is in use. */
      readonly onlyUnused: boolean;
      /** Somebody else changed or deleted what was published. */
      readonly drift: boolean;
    }
  | { readonly kind: "retract"; readonly over: Revision };

export interface Wanted {
  readonly generation: number;
  readonly conditions: readonly Condition[];
  readonly usage: Usage;
}

export interface Plan {
  readonly step: Step;
  /** Undefined: there is nothing that could have one, or nothing to say that was not said before. */
  readonly status: Wanted | undefined;
  readonly tellings: readonly Telling[];
  /** When to look again though nothing changed; undefined: not at all. */
  readonly againMs: number | undefined;
}

/** Something in use may be let go at any time, and no watch tells. */
const oldGrantsAgainMs = 2_000;

export function decide(gathered: Gathered): Plan {
  const { object, kind, name } = gathered;
  if (object === undefined)
    return { step: stepWithout(gathered), status: undefined, tellings: [], againMs: undefined };
  const spec = gathered.kind.read(object["spec"], "spec");
  const problems = spec.ok ? [] : spec.problems;
  const step = stepWith(gathered, object, problems);
  // A new leader has asked nobody yet: what the last one said stays said.
  if (!isKnown(gathered) && gathered.conditions.length > 0)
    return { step, status: undefined, tellings: [], againMs: undefined };
  const conditions = conditionsOf(gathered, object, problems);
  const generation = generationOf(object);
  const usage =
    gathered.reports === "unknown"
      ? usageSaid(recordOf(object["status"]))
      : usageOf(gathered.reports, { kind: kind.resource.kind, name: name.name });
  return {
    step,
    status: { generation, conditions, usage },
    tellings: changesToTell(gathered.conditions, conditions, generation),
    againMs: againMs(gathered, conditions),
  };
}

/** Whether all have been asked that are asked at the beginning of a term; where etcd does not answer, that is known. */
function isKnown({ backend, record, reports }: Gathered): boolean {
  if (backend.kind === "connecting") return false;
  return backend.kind !== "reachable" || (record !== "unknown" && reports !== "unknown");
}

function knownReports({ reports }: Pick<Gathered, "reports">): readonly SidecarReport[] {
  return reports === "unknown" ? [] : reports;
}

export function generationOf(object: KubeObject): number {
  return object.metadata.generation ?? 0;
}

function stepWithout({ record, confirmed }: Gathered): Step {
  if (record === undefined || record === "unknown") return { kind: "none" };
  return confirmed ? { kind: "retract", over: record.modRevision } : { kind: "confirm" };
}

function stepWith(gathered: Gathered, object: KubeObject, problems: readonly FieldProblem[]): Step {
  const { kind, record, backend, confirmed, memory } = gathered;
  if (record === "unknown" || backend.kind !== "reachable") return { kind: "none" };
  // Kubernetes no longer has the resource that it was published of.
  const isFormer = record !== undefined && record.uid !== object.metadata.uid;
  if (problems.length > 0) return isFormer ? stepWithout(gathered) : { kind: "none" };
  const content = contentOf(kind, object);
  if (record !== undefined && isSame(record, content)) return { kind: "none" };
  const was = gathered.conditions.find(({ type }) => type === "Programmed");
  const mayBeOld =
    record === undefined
      ? memory.retracted !== undefined || was?.status === "True"
      : record.uid !== content.uid || record.generation > content.generation;
  if (mayBeOld && !confirmed) return { kind: "confirm" };
  const wasOurs = was?.status === "True" || record?.uid === content.uid;
  const former = record === undefined ? memory.retracted : kind.fixed(record.spec);
  const onlyUnused = !wasOurs && former !== kind.fixed(content.spec);
  if (isFormer && onlyUnused) return stepWithout(gathered);
  return {
    kind: "publish",
    content,
    over: record?.modRevision ?? noRevision,
    onlyUnused,
    drift:
      (was?.status === "True" && was.observedGeneration === content.generation) ||
      (record?.uid === content.uid && record.generation >= content.generation),
  };
}

function contentOf(kind: PublishedKind, object: KubeObject): Omit<RecordContent, "publishedAt"> {
  return {
    uid: object.metadata.uid,
    generation: generationOf(object),
    level: kind.level,
    spec: object["spec"],
  };
}

function isSame(record: SpecRecord, content: Omit<RecordContent, "publishedAt">): boolean {
  const { uid, generation, level, spec } = record;
  return canonicalJson({ uid, generation, level, spec }) === canonicalJson({ ...content });
}

function conditionsOf(
  gathered: Gathered,
  object: KubeObject,
  problems: readonly FieldProblem[],
): readonly Condition[] {
  const { kind, record, backend, memory } = gathered;
  const reports = knownReports(gathered);
  const isThere = record !== undefined && record !== "unknown";
  const coverage = isThere ? coverageOf(reports, record) : nobody;
  const isAccepted = accepted(problems, backend);
  const judged = {
    accepted: isAccepted,
    backendReachable: backendReachable(backend),
    programmed: programmed({
      accepted: isAccepted.status === "True",
      backend,
      record: isThere
        ? {
            same: isSame(record, contentOf(kind, object)),
            generation: record.generation,
          }
        : record,
      oldGrants: memory.oldGrants,
      coverage,
    }),
  };
  const isProgrammed = judged.programmed.status === "True";
  const whileTrue = [
    isProgrammed ? lagging(coverage, memory.standsMs) : undefined,
    stalled(memory.refusal),
  ];
  return [
    judged.accepted,
    judged.backendReachable,
    judged.programmed,
    ready(judged),
    ...whileTrue.filter((condition) => condition !== undefined),
  ];
}

function againMs(gathered: Gathered, now: readonly Condition[]) {
  const { record, memory } = gathered;
  if (now.some(({ reason }) => reason === "OldGrants")) return oldGrantsAgainMs;
  if (record === undefined || record === "unknown") return undefined;
  const { behind, tooOld } = coverageOf(knownReports(gathered), record);
  const isLagging = memory.standsMs >= lagMsMax;
  return behind.length + tooOld.length === 0 || isLagging ? undefined : lagMsMax - memory.standsMs;
}
