/** Whether the etcd that the operator runs does, and takes sidecars; else the first thing on its way that is not so. */
import { recordOf } from "../kube/errors.ts";
import type { KubeObject } from "../kube/objects.ts";
import { textOf } from "#core/json.ts";
import { say, type Aspect } from "./aspect.ts";
import type { Judged } from "./condition.ts";
import type { BackendFacts } from "./backend-facts.ts";
import type { ManagedFacts } from "./managed-facts.ts";

export const running = {
  type: "Running",
  reasons: {
    Running: "True",
    StorageKept: "True",
    ImageUnknown: "False",
    AuthorityMissing: "False",
    ObjectsRefused: "False",
    PodMissing: "False",
    VolumePending: "False",
    NotScheduled: "False",
    ImageNotPulled: "False",
    CrashLooping: "False",
    NotReady: "False",
    SettingUp: "False",
    NotAsked: "Unknown",
  },
} as const satisfies Aspect;

type Reason = keyof (typeof running)["reasons"];
type Found = readonly [Reason, string];

/** Undefined: the operator does not run it. */
export function judgeRunning({ spec, managed }: BackendFacts): Judged | undefined {
  if (!spec.ok || spec.spec.managed === undefined) return undefined;
  if (managed === undefined) return say(running, "NotAsked", "Nothing is known of it yet.");
  return say(running, ...whatIs(managed));
}

const problems = {
  imageUnknown: "ImageUnknown",
  authorityMissing: "AuthorityMissing",
  objectsRefused: "ObjectsRefused",
} as const;

function whatIs({ problem, pod, claim, trusted, storageKept }: ManagedFacts): Found {
  if (problem !== undefined) return [problems[problem.kind], problem.message];
  if (pod === undefined)
    return [
      "PodMissing",
      "Its StatefulSet has made no pod: a ResourceQuota or an admission webhook may refuse it. 'kubectl describe statefulset' has the words.",
    ];
  const found = inPod(pod, claim);
  if (found !== undefined) return found;
  if (!trusted)
    return [
      "SettingUp",
      "It answers. Users, their rights and the base of the spec tree are made; sidecars are let in after that, by a restart.",
    ];
  if (storageKept !== undefined)
    return [
      "StorageKept",
      `It runs on ${storageKept}, and spec.managed.storage says something else: a claim cannot be changed. Write there what stands.`,
    ];
  return ["Running", "It runs, and sidecars are let in."];
}

const notPulled = /^(ErrImage|ImagePull|InvalidImageName|ImageInspectError|RegistryUnavailable)/;
const notStarted = /^(CrashLoopBackOff|RunContainerError|CreateContainer)/;

/** Undefined: it is ready. */
function inPod(pod: KubeObject, claim: KubeObject | undefined): Found | undefined {
  const status = recordOf(pod["status"]);
  const conditions = listOf(status["conditions"]);
  const holds = (type: string) => conditions.find((one) => one["type"] === type);
  const scheduled = holds("PodScheduled");
  if (scheduled?.["status"] !== "True") return notScheduled(textOf(scheduled?.["message"]), claim);
  const [container = {}] = listOf(status["containerStatuses"]);
  const waiting = recordOf(recordOf(container["state"])["waiting"]);
  const reason = textOf(waiting["reason"]) ?? "";
  const words = textOf(waiting["message"]) ?? reason;
  if (notPulled.test(reason)) return ["ImageNotPulled", `Its image is not pulled: ${words}`];
  if (notStarted.test(reason))
    return ["CrashLooping", `It does not start: ${words}. ${endOf(container)}`];
  if (holds("Ready")?.["status"] === "True") return undefined;
  return ["NotReady", `Its pod starts or does not answer yet: ${words || endOf(container)}`];
}

function notScheduled(message: string | undefined, claim: KubeObject | undefined): Found {
  const said = message ?? "nothing was said of it";
  const phase = textOf(recordOf(claim?.["status"])["phase"]);
  if (claim !== undefined && phase !== "Bound")
    return [
      "VolumePending",
      `Its volume claim '${claim.metadata.name}' is ${phase ?? "Pending"}: ${said}. It needs a StorageClass that makes volumes, by spec.managed.storage.className or as the cluster's default.`,
    ];
  return ["NotScheduled", `Its pod has no node: ${said}.`];
}

/** How its process ended last. */
function endOf(container: Readonly<Record<string, unknown>>): string {
  const ended = recordOf(recordOf(container["lastState"])["terminated"]);
  const code = ended["exitCode"];
  if (typeof code !== "number") return "It has not ended before.";
  const message = textOf(ended["message"]) ?? textOf(ended["reason"]) ?? "";
  return `It ended with ${code}: ${message || "see its log"}`;
}

const listOf = (value: unknown): readonly Readonly<Record<string, unknown>>[] =>
  Array.isArray(value) ? value.map(recordOf) : [];
