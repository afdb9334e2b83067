/** A grant on a place that holds the lock, by the rules as they are now. */
import type { Runtime } from "../runtime.ts";
import { Grant } from "./grant.ts";
import type { Grants } from "./grants.ts";
import type { Lock } from "./keys.ts";
import type { Place } from "./place.ts";
import type { Rules } from "./rules.ts";
import type { AcquireRequest } from "./views.ts";

export interface GrantParts {
  readonly runtime: Runtime;
  readonly grants: Grants;
  readonly pod: string;
}

export interface Granting {
  readonly lock: Lock;
  readonly request: AcquireRequest;
  readonly rules: Rules;
}

export function grantOn(
  place: Place,
  { runtime, grants, pod }: GrantParts,
  { lock, request, rules }: Granting,
): Grant {
  const grant = new Grant(runtime, grants, {
    id: place.grantId,
    number: place.number,
    handovers: place.handovers,
    key: place.key,
    lock,
    session: place.session,
    fence: place.fence,
    request,
    holder: request.holder ?? pod,
    ttlMs: request.ttlMs ?? rules.ttlMs,
    maxHoldMs: rules.maxHoldMs,
    onLoss: rules.onLoss,
  });
  grants.add(grant);
  return grant;
}
