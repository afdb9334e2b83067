/**
 * What the API server asks about a pod, answered: the namespace is read, injection decides, and what comes of it is counted
 * and told to whom it may concern. Of a dry run nothing is left behind.
 *
 * A kept namespace may be older than the label by which the API server came to ask. So before a pod that has no label of its
 * own is let go without a sidecar, its namespace is read anew.
 */
import { quote } from "#api/fields/text.ts";
import { injectLabel } from "#api/names.ts";
import { objectOf, textOf } from "#core/json.ts";
import type { Runtime } from "#core/runtime.ts";
import type { Counter } from "#host/metrics.ts";
import { inject, type Injection, type Injector } from "../injection/inject.ts";
import type { NamespaceFacts, Pod } from "../injection/pod.ts";
import { refuse, type Refused } from "../injection/reasons.ts";
import type { Recorder } from "../kube/events.ts";
import type { KubeObject } from "../kube/objects.ts";
import type { Namespaces } from "./namespaces.ts";
import type { Review } from "./review.ts";

export interface ReviewerParts {
  readonly runtime: Runtime;
  readonly namespaces: Pick<Namespaces, "read" | "readNow">;
  readonly recorder: Pick<Recorder, "record">;
  /** As the options and the authority are now. */
  readonly injector: () => Injector;
  readonly counted: (outcome: string, reason: string) => Counter;
}

export class Reviewer {
  readonly #parts: ReviewerParts;

  constructor(parts: ReviewerParts) {
    this.#parts = parts;
  }

  async answer(review: Review, signal: AbortSignal): Promise<Injection> {
    const { pod, namespace, dryRun } = review;
    const injection =
      pod === undefined
        ? refuse(
            "UnreadableRequest",
            "The webhook is for pods that are to be made, in a namespace.",
          )
        : await this.#injectionOf(pod, namespace, signal);
    if (!dryRun) this.#tell(review, injection);
    return injection;
  }

  async #injectionOf(pod: Pod, name: string, signal: AbortSignal): Promise<Injection> {
    const { namespaces, runtime } = this.#parts;
    const began = runtime.now();
    const injector = this.#parts.injector();
    const unread = factsUnread(name, injector);
    if (unread !== undefined) return inject({ pod, namespace: unread, injector });
    const first = await namespaces.read(name, signal);
    if (first.kind === "unread") return unreadable(name, first.problem);
    const injection = inject({ pod, namespace: first.facts, injector });
    const isLeftAlone = injection.kind === "skipped" && injection.reason !== "AlreadyInjected";
    const isNew = first.asked >= began;
    if (!isLeftAlone || isNew || labelsOf(pod)[injectLabel] !== undefined) return injection;
    const again = await namespaces.readNow(name, signal);
    if (again.kind === "unread") return unreadable(name, again.problem);
    return inject({ pod, namespace: again.facts, injector });
  }

  #tell({ pod, namespace }: Review, injection: Injection): void {
    const { runtime, recorder, counted, injector } = this.#parts;
    const reason = injection.kind === "patched" ? "" : injection.reason;
    counted(injection.kind, reason).add();
    if (injection.kind !== "refused") return;
    const { message } = injection;
    runtime.log.debug("a pod was refused", { namespace, reason, problem: message });
    const mayTell = injector().served?.includes(namespace) !== false;
    const owner = mayTell && pod !== undefined ? ownerOf(pod, namespace) : undefined;
    if (owner === undefined) return;
    recorder.record({ regarding: owner, type: "Warning", reason, action: "Inject", note: message });
  }
}

/**
 * Of a namespace that need not be read, or may not be since it is none that is served: the API server asks only where the
 * pod or the namespace has the label. Undefined: read it.
 */
function factsUnread(name: string, { excluded, served }: Injector): NamespaceFacts | undefined {
  if (!excluded.includes(name) && served?.includes(name) !== false) return undefined;
  return { name, labels: { [injectLabel]: "enabled" }, annotations: {} };
}

function unreadable(name: string, problem: string): Refused {
  return refuse(
    "NamespaceUnknown",
    `The namespace ${quote(name)}, which says whether its pods get a sidecar, could not be read: ${problem}. Try again.`,
  );
}

function labelsOf(pod: Pod): Readonly<Record<string, unknown>> {
  return objectOf(objectOf(pod["metadata"])?.["labels"]) ?? {};
}

/** What makes the pod, such as a ReplicaSet: the pod itself will not be there. Undefined: a person makes it, and is told. */
function ownerOf(pod: Pod, namespace: string): KubeObject | undefined {
  const references = objectOf(pod["metadata"])?.["ownerReferences"];
  if (!Array.isArray(references)) return undefined;
  const owner = references.map(objectOf).find((one) => one?.["controller"] === true);
  const text = (field: string): string => textOf(owner?.[field]) ?? "";
  const [kind, apiVersion, name, uid] = ["kind", "apiVersion", "name", "uid"].map(text);
  if (!kind || !apiVersion || !name || !uid) return undefined;
  // Nobody says which version of it made the pod.
  return { apiVersion, kind, metadata: { name, namespace, uid, resourceVersion: "" } };
}
