/**
 * Whether a pod is to have a sidecar, by the labels alone: one rule for the webhook, which is asked about a pod that is to be
 * made, and for the list of those that run without. The pod's label wins over its namespace's.
 */
import { quote } from "#api/fields/text.ts";
import { injectLabel, injectLabelValues } from "#api/names.ts";
import type { NamespaceFacts } from "./pod.ts";
import { refuse, skip, type Refused, type Skipped } from "./reasons.ts";

/** What of a pod counts: its metadata shows it. */
export interface AskingPod {
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** Where there are sidecars. */
export interface Reach {
  /** Namespaces that the operator itself needs. */
  readonly excluded: readonly string[];
  /** Undefined: all are. */
  readonly served: readonly string[] | undefined;
}

/** On what a kubelet shows of a pod that it runs from a file. */
export const mirrorAnnotation = "kubernetes.io/config.mirror";

export function whetherAsked(
  { labels = {}, annotations = {} }: AskingPod,
  namespace: Pick<NamespaceFacts, "name" | "labels">,
  { excluded, served }: Reach,
): "yes" | Skipped | Refused {
  const { name } = namespace;
  const own = labels[injectLabel];
  const label = own ?? namespace.labels[injectLabel];
  const whose = own === undefined ? `the namespace '${name}'` : "the pod";
  if (excluded.includes(name))
    return skip("ExcludedNamespace", `Pods of the namespace '${name}' get no sidecar.`);
  if (annotations[mirrorAnnotation] !== undefined)
    return skip("MirrorPod", "A static pod's mirror gets no sidecar: its kubelet runs the file.");
  if (label === undefined)
    return skip("NotAsked", `Neither the pod nor its namespace has the label '${injectLabel}'.`);
  if (!injectLabelValues.some((value) => value === label))
    return refuse(
      "WrongLabel",
      `The label '${injectLabel}' of ${whose} is ${quote(label)}. Set it to ${injectLabelValues.join(" or ")}.`,
    );
  if (label === "disabled")
    return skip("Disabled", `The label '${injectLabel}' of ${whose} is 'disabled'.`);
  if (served !== undefined && !served.includes(name))
    return refuse(
      "NamespaceNotServed",
      `The operator does not serve the namespace '${name}'. Add it to HOLDFAST_NAMESPACES of the operator, or set the pod's label '${injectLabel}' to disabled.`,
    );
  return "yes";
}
