/** The API server's question and our answer to it on the wire: AdmissionReview, admission.k8s.io/v1. */
import { objectOf, textOf } from "#core/json.ts";
import type { Injection } from "../injection/inject.ts";
import type { Pod } from "../injection/pod.ts";
import type { RefusalReason, SkipReason } from "../injection/reasons.ts";

export interface Review {
  /** Of the question; the answer has to carry it. */
  readonly uid: string;
  readonly namespace: string;
  /** Undefined: it is not about a pod that is to be made. */
  readonly pod: Pod | undefined;
  /** Nothing will come of it: nothing may be told or counted. */
  readonly dryRun: boolean;
}

const apiVersion = "admission.k8s.io/v1";
const kind = "AdmissionReview";
/** The API server cuts a warning there. */
const warningCharsMax = 250;

/** What passes by itself: whoever makes the pod tries again. */
const passing: readonly RefusalReason[] = ["NamespaceUnknown", "NoTrust"];
/** Somebody asked for a sidecar and gets none: they are told, though the pod starts. */
const told: readonly SkipReason[] = ["ExcludedNamespace", "MirrorPod"];

/** Undefined: it is no question of this version. */
export function readReview(body: unknown): Review | undefined {
  const review = objectOf(body);
  if (review?.["apiVersion"] !== apiVersion || review["kind"] !== kind) return undefined;
  const request = objectOf(review["request"]);
  const uid = textOf(request?.["uid"]) ?? "";
  if (request === undefined || uid === "") return undefined;
  return {
    uid,
    namespace: textOf(request["namespace"]) ?? "",
    pod: isPodToBe(request) ? objectOf(request["object"]) : undefined,
    dryRun: request["dryRun"] === true,
  };
}

function isPodToBe(request: Readonly<Record<string, unknown>>): boolean {
  const { group, version, resource } = objectOf(request["resource"]) ?? {};
  const isPods = group === "" && version === "v1" && resource === "pods";
  const isWhole = (textOf(request["subResource"]) ?? "") === "";
  return isPods && isWhole && request["operation"] === "CREATE";
}

export function answerOf(uid: string, injection: Injection): object {
  return { apiVersion, kind, response: { uid, ...responseOf(injection) } };
}

function responseOf(injection: Injection): object {
  switch (injection.kind) {
    case "patched":
      return {
        allowed: true,
        patchType: "JSONPatch",
        patch: Buffer.from(JSON.stringify(injection.patch)).toString("base64"),
      };
    case "skipped":
      return {
        allowed: true,
        ...(told.includes(injection.reason) && {
          warnings: [injection.message.slice(0, warningCharsMax)],
        }),
      };
    case "refused": {
      const { reason, message } = injection;
      const [code, word] = passing.includes(reason)
        ? [503, "ServiceUnavailable"]
        : [400, "BadRequest"];
      return { allowed: false, status: { status: "Failure", code, reason: word, message } };
    }
    default:
      return injection satisfies never;
  }
}
