/**
 * What there is to say of one pod. Pure.
 *
 * | the pod                                                | finding       |
 * | ------------------------------------------------------ | ------------- |
 * | is being deleted                                       | none: whatever comes after it is another |
 * | is where no sidecars are, or is a kubelet's own        | none          |
 * | has a sidecar that an older version put in             | `OldVersion`  |
 * | has one of our version, and of another template        | `OldTemplate` |
 * | has one that a newer version put in                    | none: an operator of that version leads soon |
 * | has none, and asks for one                             | `Missing`     |
 * | has none, and does not                                 | none          |
 *
 * A pod has a sidecar where label and mark say so: of its containers nobody tells. An old one is told also where nobody asks
 * any more: it runs, and has to be made anew all the same.
 */
import { injectionAnnotation, injectLabel } from "#api/names.ts";
import { whetherAsked, type Reach } from "../../injection/asked.ts";
import type { Injector } from "../../injection/inject.ts";
import { readMark, type Mark } from "../../injection/mark.ts";
import type { NamespaceFacts } from "../../injection/pod.ts";
import type { FindingReason } from "../../injection/reasons.ts";
import { templateHash } from "../../injection/template.ts";
import type { KubeObject } from "../../kube/objects.ts";
import { saysInjected } from "../../sidecars/pods.ts";
import { isOlder } from "./version.ts";

/** What a pod would get that is made now. */
export interface Current extends Reach {
  readonly version: string;
  /** Undefined: the operator was not told which image sidecars have, and gives none. */
  readonly template: string | undefined;
}

export function currentOf(injector: Injector): Current {
  const { version, image, excluded, served, pullPolicy, identity } = injector;
  const template = image === undefined ? undefined : templateHash({ image, pullPolicy, identity });
  return { version, template, excluded, served };
}

export interface Finding {
  readonly reason: FindingReason;
  /** What is so, as the end of "The pod …". */
  readonly what: string;
}

export interface Judgement {
  readonly hasSidecar: boolean;
  readonly finding: Finding | undefined;
}

const nothing: Judgement = { hasSidecar: false, finding: undefined };

export function judge(
  { metadata, ...rest }: KubeObject,
  namespace: Pick<NamespaceFacts, "name" | "labels">,
  current: Current,
): Judgement {
  const asked = whetherAsked(metadata, namespace, current);
  const isOut =
    typeof asked !== "string" && ["ExcludedNamespace", "MirrorPod"].includes(asked.reason);
  if (isOut || metadata.deletionTimestamp !== undefined) return nothing;
  const mark = saysInjected({ ...rest, metadata })
    ? readMark(metadata.annotations?.[injectionAnnotation])
    : undefined;
  if (mark !== undefined) return { hasSidecar: true, finding: findingOf(mark, current) };
  if (asked !== "yes" && asked.kind === "skipped") return nothing;
  const whose = metadata.labels?.[injectLabel] === undefined ? "its namespace's" : "its own";
  const what =
    asked === "yes"
      ? `asks for a sidecar by ${whose} label '${injectLabel}' and runs without: it was made before that, or while nobody was asked about it`
      : `runs without a sidecar, and would be refused if it were made anew: ${asked.message.replace(/\.$/, "")}`;
  return { hasSidecar: false, finding: { reason: "Missing", what } };
}

function findingOf(mark: Mark, { version, template }: Current): Finding | undefined {
  if (mark.version !== version) {
    if (isOlder(mark.version, version) === false) return undefined;
    const what = `has a sidecar that was put in by version ${mark.version.slice(0, 64)}; the operator's is ${version}`;
    return { reason: "OldVersion", what };
  }
  if (template === undefined || mark.template === template) return undefined;
  const what = `has a sidecar of the template ${mark.template.slice(0, 64)}; one that is put in now is of ${template}`;
  return { reason: "OldTemplate", what };
}
