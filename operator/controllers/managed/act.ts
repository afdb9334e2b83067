/** Carries out what was decided: objects by server-side apply, one after the other, none that is somebody else's. */
import { apply } from "../../kube/apply.ts";
import type { Api } from "../../kube/api.ts";
import { get } from "../../kube/calls.ts";
import { isRefused, KubeFailure, reasonText, type KubeOutcome } from "../../kube/errors.ts";
import { podResource, type KubeObject } from "../../kube/objects.ts";
import { trustAnnotation } from "../../objects/etcd.ts";
import { labelsOf, type Installation } from "../../objects/installation.ts";
import { appliedOf, type Wanted } from "../../objects/wanted.ts";
import type { Hurry } from "./decide.ts";
import { fieldManager } from "./resources.ts";

export interface ActParts {
  readonly api: Api;
  readonly installation: Installation;
  /** Whether the object is among those that are followed: then it is ours. */
  readonly isFollowed: (wanted: Wanted) => boolean;
  readonly mayAct: () => boolean;
}

export type Written =
  | { readonly kind: "done" }
  /** The API server said no, or somebody else's object has the name: trying again alone will not help. */
  | { readonly kind: "refused"; readonly message: string };

/** Stops at the first that is refused: a later one may need it. Throws where there is no answer. */
export async function write(
  wanted: readonly Wanted[],
  parts: ActParts,
  signal: AbortSignal,
): Promise<Written> {
  for (const one of wanted) {
    if (!parts.mayAct()) return { kind: "done" };
    const what = `the ${one.resource.kind} '${one.name}'`;
    const call = { api: parts.api, resource: one.resource, signal };
    const { namespace } = parts.installation;
    if (!parts.isFollowed(one)) {
      const there = await get(call, { namespace, name: one.name });
      if (there.kind === "done" && !isOurs(there.value, parts.installation))
        return {
          kind: "refused",
          message: `${what} is not of Holdfast's making. Delete it, or give it another name.`,
        };
      if (there.kind !== "done" && !isRefused(there, "notFound")) return refusal(what, there);
    }
    const applied = await apply(call, fieldManager, appliedOf(one, namespace));
    if (applied.kind !== "done") return refusal(what, applied);
  }
  return { kind: "done" };
}

/**
 * Marks the pod with what it is to trust. Of this very pod: by a name alone one would be made where it has just gone. Nothing
 * depends on it but time.
 */
export function hurry(
  { pod, mark }: Hurry,
  api: Api,
  signal: AbortSignal,
): Promise<KubeOutcome<KubeObject>> {
  const { name, namespace, uid } = pod.metadata;
  return apply({ api, resource: podResource, signal }, fieldManager, {
    object: { name, ...(namespace !== undefined && { namespace }) },
    uid,
    annotations: { [trustAnnotation]: mark },
    fields: {},
  });
}

function isOurs({ metadata }: KubeObject, installation: Installation): boolean {
  const { labels = {} } = metadata;
  return Object.entries(labelsOf(installation)).every(([label, value]) => labels[label] === value);
}

const final = ["forbidden", "invalid", "badRequest", "conflict"] as const;

function refusal(
  what: string,
  outcome: Exclude<KubeOutcome<unknown>, { readonly kind: "done" }>,
): Written {
  if (!final.some((reason) => isRefused(outcome, reason))) throw new KubeFailure(what, outcome);
  return { kind: "refused", message: `${what} is refused: ${reasonText(outcome)}` };
}
