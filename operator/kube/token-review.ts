/** Asks the API server whose a token is, and whether it is meant for us: signature, end, and the pod that it is bound to. */
import { objectOf, textOf } from "#core/json.ts";
import type { Api } from "./api.ts";
import { done, recordOf, type KubeOutcome } from "./errors.ts";

export type Reviewed =
  | {
      readonly kind: "authenticated";
      /** `system:serviceaccount:` with namespace and name, of a service account. */
      readonly username: string;
      /** Claims by name, such as `authentication.kubernetes.io/pod-uid`. */
      readonly extra: Readonly<Record<string, readonly string[]>>;
    }
  | { readonly kind: "refused"; readonly reason: string };

const reviewMs = 5_000;
const reasonCharsMax = 300;

export interface ReviewWanted {
  readonly token: string;
  readonly audience: string;
}

export async function reviewToken(
  { api, signal }: { readonly api: Api; readonly signal: AbortSignal },
  { token, audience }: ReviewWanted,
): Promise<KubeOutcome<Reviewed>> {
  const outcome = await api.request(
    {
      method: "POST",
      path: "/apis/authentication.k8s.io/v1/tokenreviews",
      body: {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenReview",
        spec: { token, audiences: [audience] },
      },
      // It changes nothing.
      repeatable: true,
      deadlineMs: reviewMs,
    },
    signal,
  );
  return outcome.kind === "done" ? done(read(outcome.value, audience)) : outcome;
}

function read(value: unknown, audience: string): Reviewed {
  const status = recordOf(recordOf(value)["status"]);
  if (status["authenticated"] !== true) {
    const said = textOf(status["error"]) ?? "";
    const reason = said === "" ? "the API server does not know it" : said.slice(0, reasonCharsMax);
    return { kind: "refused", reason };
  }
  // A server that knows of no audiences says nothing of them: the token may be for anybody.
  const { audiences } = status;
  if (!Array.isArray(audiences) || !audiences.includes(audience))
    return { kind: "refused", reason: `it is not for the audience ${audience}` };
  const user = recordOf(status["user"]);
  const extra = Object.entries(objectOf(user["extra"]) ?? {}).map(([claim, values]) => [
    claim,
    Array.isArray(values) ? values.filter((one) => typeof one === "string") : [],
  ]);
  return {
    kind: "authenticated",
    username: textOf(user["username"]) ?? "",
    extra: Object.fromEntries(extra) as Readonly<Record<string, readonly string[]>>,
  };
}
