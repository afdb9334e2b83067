/** A grant on a place that holds the lock, or on places that all hold, by the rules as they are now. */
import type { Runtime } from "../runtime.ts";
import type { Key } from "../store.ts";
import { assert } from "../refusal.ts";
import { Grant } from "./grant.ts";
import type { Grants } from "./grants.ts";
import type { Lock } from "./keys.ts";
import type { Place } from "./place.ts";
import { strictest, type Rules } from "./rules.ts";
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
  parts: GrantParts,
  { lock, request, rules }: Granting,
): Grant {
  return made(parts, { place, keys: [place.key], lock, request, rules });
}

/** One grant of all its locks: it lives by the strictest rules of their pools. */
export function grantOnSet(
  members: readonly { readonly lock: Lock; readonly place: Place | undefined }[],
  parts: GrantParts,
  { request, rules }: { readonly request: AcquireRequest; readonly rules: readonly Rules[] },
): Grant {
  const keys = members.flatMap(({ place }) => place?.key ?? []);
  const [first] = members;
  assert(
    first?.place !== undefined && keys.length === members.length,
    "a set was granted without all of its places",
  );
  const { lock, place } = first;
  return made(parts, { place, keys, lock, request, rules: strictest(rules) });
}

interface Made {
  readonly place: Place;
  readonly keys: readonly Key[];
  readonly lock: Lock;
  readonly request: AcquireRequest;
  readonly rules: Pick<Rules, "ttlMs" | "maxHoldMs" | "onLoss">;
}

function made(
  { runtime, grants, pod }: GrantParts,
  { place, keys, lock, request, rules }: Made,
): Grant {
  const grant = new Grant(runtime, grants, {
    id: place.grantId,
    number: place.number,
    handovers: place.handovers,
    keys,
    created: place.created,
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
