/** Why there is no such live grant here. A grantId names its session, so also one of an earlier life is known for what it is. */
import { decodeJson, textOf } from "../json.ts";
import { Refusal } from "../refusal.ts";
import { after, type Runtime } from "../runtime.ts";
import { sessionKey } from "../session/keys.ts";
import type { Sessions } from "../session/sessions.ts";
import type { Store } from "../store.ts";
import type { Grants } from "./grants.ts";
import type { GrantEnd } from "./views.ts";

const answerMs = 5_000;

export interface WhyNotParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly sessions: Sessions;
  readonly grants: Grants;
  readonly namespace: string;
  readonly pod: string;
  readonly signal: AbortSignal;
}

export async function whyNot(parts: WhyNotParts, grantId: string): Promise<Refusal> {
  const { grants, sessions } = parts;
  const end = grants.any(grantId)?.end ?? grants.over(grantId);
  if (end !== undefined) return lost(grantId, end.why, end.at);
  const [, session, counted] = /^([0-9a-f]{20})-(\d{10})-\d{1,5}$/.exec(grantId) ?? [];
  if (session === undefined || counted === undefined) {
    return new Refusal(
      "grant_not_found",
      `There is no grant '${grantId.slice(0, 100)}': not an id that a sidecar gives.`,
      { grantId },
    );
  }
  if (sessions.isEnded(session)) return lost(grantId, "sessionLost");
  const { current } = sessions;
  if (current?.id !== session) return ofAnother(parts, grantId, session);
  return current.gave(counted)
    ? new Refusal(
        "grant_lost",
        `Grant '${grantId}' is over: it ended some time ago, and how is no longer known.`,
        { grantId },
      )
    : new Refusal("grant_not_found", `There is no grant '${grantId}' and never was.`, { grantId });
}

/** Of a session that is none of this process's. */
async function ofAnother(parts: WhyNotParts, grantId: string, session: string): Promise<Refusal> {
  const { runtime, store, namespace, pod, signal } = parts;
  const wait = { signal, deadline: after(runtime.now(), answerMs) };
  const read = await store.read([{ key: sessionKey(namespace, session) }], wait);
  if (read.kind !== "done") {
    return new Refusal(
      "backend_unreachable",
      `Grant '${grantId}' is of another session than this sidecar's, and etcd did not answer whether that one lives. Retry.`,
    );
  }
  const there = read.value.ranges[0]?.keys[0];
  if (there !== undefined && textOf(decodeJson(there.value)?.["pod"]) !== pod) {
    return new Refusal(
      "grant_not_found",
      `Grant '${grantId}' was given by another sidecar, which lives; ask that one.`,
      { grantId },
    );
  }
  return lost(grantId, "sessionLost");
}

/** Why a grant ended, to follow "it is over:". */
const ends: Readonly<Record<GrantEnd, string>> = {
  released: "it was released",
  expired: "its ttl ended without a renewal",
  maxHold: "it was held for as long as the pool allows (spec.maxHold)",
  drained: "its sidecar is shutting down",
  sessionLost: "the sidecar's session with etcd ended",
  undelivered: "its answer could not be delivered, so it was given back",
  revoked: "somebody asked for the lock, and the grace was over",
  broken: "somebody took the lock by force, whatever was guaranteed",
  slow: "nobody read the event stream that it lived by",
};

function lost(grantId: string, why: GrantEnd, at?: number): Refusal {
  return new Refusal(
    "grant_lost",
    `Grant '${grantId}' is over: ${ends[why]}. Stop what it guarded, and acquire again.`,
    {
      grantId,
      why,
      ...(at === undefined ? {} : { endedAt: at }),
    },
  );
}

interface Ended {
  readonly why: GrantEnd;
  readonly at: number | undefined;
}

export function refuseLost(grantId: string, { why, at }: Ended): never {
  throw lost(grantId, why, at);
}
