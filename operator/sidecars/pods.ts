/**
 * The pods that run, or are about to, as the operator keeps them: of each only what says whether it has a sidecar, whether it
 * asks for one, and who made it, about a kilobyte. There may be tens of thousands, so the API server sends their metadata and
 * no more, and of that a few fields are kept. Which have ended is said by their phase, which is no metadata: those are not
 * even sent, and one that ends is told as gone.
 */
import { injectionAnnotation, injectLabel, sidecarLabel, sidecarLabelValue } from "#api/names.ts";
import { objectOf } from "#core/json.ts";
import { mirrorAnnotation } from "../injection/asked.ts";
import { markCharsMax } from "../injection/mark.ts";
import { selectionsOf, type Selected } from "../kube/collection.ts";
import { apiVersionOf, podResource, type KubeObject } from "../kube/objects.ts";

/** Deployments tell by it which of their ReplicaSets made a pod: the set is named after both. */
export const templateHashLabel = "pod-template-hash";

const keptLabels = [injectLabel, sidecarLabel, templateHashLabel];
const keptAnnotations = [injectionAnnotation, mirrorAnnotation];
const notEnded = ["status.phase!=Succeeded", "status.phase!=Failed"];

/** `excluded`: of these namespaces none is looked at; of kube-system there are some for each node. */
export function podSelections(
  namespaces: readonly string[] | undefined,
  excluded: readonly string[],
): readonly Selected[] {
  const elsewhere = excluded.map((name) => `metadata.namespace!=${name}`);
  return selectionsOf(podResource, namespaces).map((selection) => ({
    ...selection,
    fieldSelector: [...notEnded, ...elsewhere].join(),
    metadataOnly: true,
  }));
}

/** For the reflector. What is sent as metadata calls itself so: here it is a pod again, for Events. */
export function keptPod({ metadata }: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, deletionTimestamp } = metadata;
  const labels = picked(metadata.labels, keptLabels);
  const annotations = picked(metadata.annotations, keptAnnotations);
  const maker = makerOf(metadata["ownerReferences"]);
  return {
    apiVersion: apiVersionOf(podResource),
    kind: podResource.kind,
    metadata: {
      ...{ name, uid, resourceVersion },
      ...(namespace !== undefined && { namespace }),
      ...(deletionTimestamp !== undefined && { deletionTimestamp }),
      ...(labels !== undefined && { labels }),
      ...(annotations !== undefined && { annotations }),
      ...(maker !== undefined && { ownerReferences: [maker] }),
    },
  };
}

/** Whether it says that it has a sidecar. */
export function saysInjected({ metadata }: KubeObject): boolean {
  return metadata.labels?.[sidecarLabel] === sidecarLabelValue;
}

/** Whether nothing has changed of what is kept. */
export function isSamePod(a: KubeObject, b: KubeObject): boolean {
  return outlineOf(a) === outlineOf(b);
}

function outlineOf({ metadata }: KubeObject): string {
  const { uid, labels, annotations, deletionTimestamp, ownerReferences } = metadata;
  return JSON.stringify([uid, labels, annotations, deletionTimestamp, ownerReferences]);
}

/** The controller that made it. */
function makerOf(references: unknown): object | undefined {
  const all: readonly unknown[] = Array.isArray(references) ? references : [];
  return all.map(objectOf).find((one) => one?.["controller"] === true);
}

/** Undefined: none of them is there. What is too long to be ours is kept as empty. */
function picked(
  map: Readonly<Record<string, string>> | undefined,
  keys: readonly string[],
): Readonly<Record<string, string>> | undefined {
  if (map === undefined) return undefined;
  const found = keys.flatMap((key) => {
    const value = map[key];
    return value === undefined ? [] : [[key, value.length > markCharsMax ? "" : value] as const];
  });
  return found.length === 0 ? undefined : Object.fromEntries(found);
}
