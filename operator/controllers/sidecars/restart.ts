/** How a person has a pod made anew, by what made it. Pure. */
import { quote } from "#api/fields/text.ts";
import { objectOf, textOf } from "#core/json.ts";
import type { KubeObject } from "../../kube/objects.ts";
import { templateHashLabel } from "../../sidecars/pods.ts";

/** The controller that made a pod. */
export interface Owner {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

/** Undefined: a person made it. */
export function ownerOf({ metadata }: KubeObject): Owner | undefined {
  const references = metadata["ownerReferences"];
  const [first] = Array.isArray(references) ? references.map(objectOf) : [];
  const [apiVersion = "", kind = "", name = "", uid = ""] = [
    ...["apiVersion", "kind", "name", "uid"].map((field) => textOf(first?.[field])),
  ];
  return uid === "" || name === "" || kind === "" ? undefined : { apiVersion, kind, name, uid };
}

/** A sentence. */
export function restartAdvice(pod: KubeObject): string {
  const { name, namespace = "" } = pod.metadata;
  const owner = ownerOf(pod);
  if (owner === undefined) return "Nobody makes it again: delete it, and create it anew.";
  const workload = workloadOf(pod, owner);
  if (workload !== undefined)
    return `Have it made anew: kubectl rollout restart ${workload} --namespace ${namespace}`;
  if (owner.kind === "Job" && owner.apiVersion.startsWith("batch/"))
    return `Let the Job ${quote(owner.name)} end, or delete it and create it anew.`;
  return `Have it made anew: kubectl delete pod ${name} --namespace ${namespace}`;
}

const restartable = ["StatefulSet", "DaemonSet"];

/** As `kubectl rollout restart` takes it. */
function workloadOf({ metadata }: KubeObject, owner: Owner): string | undefined {
  const { apiVersion, kind, name } = owner;
  if (!apiVersion.startsWith("apps/")) return undefined;
  if (restartable.includes(kind)) return `${kind.toLowerCase()}/${name}`;
  // A ReplicaSet that no Deployment made has no such label, and no name ends so.
  const tail = `-${metadata.labels?.[templateHashLabel] ?? ""}`;
  const isOfDeployment = kind === "ReplicaSet" && name.endsWith(tail);
  return isOfDeployment ? `deployment/${name.slice(0, -tail.length)}` : undefined;
}
