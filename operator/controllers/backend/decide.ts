/** From facts to what the status says and which users there ought to be. Pure. */
import type { BackendStatus } from "#api/resources/backend.ts";
import type { Aspect } from "../../conditions/aspect.ts";
import type { Judged } from "../../conditions/condition.ts";
import { accepted, judgeAccepted } from "../../conditions/backend-accepted.ts";
import { durable, judgeDurable } from "../../conditions/backend-durable.ts";
import { authorized, judgeAuthorized } from "../../conditions/backend-authorized.ts";
import type { BackendFacts } from "../../conditions/backend-facts.ts";
import { healthy, judgeHealthy } from "../../conditions/backend-healthy.ts";
import {
  highlyAvailable,
  judgeHighlyAvailable,
} from "../../conditions/backend-highly-available.ts";
import { isolated, judgeIsolated } from "../../conditions/backend-isolated.ts";
import { judgeReachable, reachable } from "../../conditions/endpoints-reachable.ts";
import { judgeReady, ready } from "../../conditions/backend-ready.ts";
import { judgeRunning, running } from "../../conditions/backend-running.ts";
import { judgeVersionSupported, versionSupported } from "../../conditions/backend-version.ts";
import { healthyMembers, oldestVersion } from "../../etcd-admin/view.ts";

/** All that a Backend's conditions may say: docs/operations/conditions-backend.md has a heading for each reason. */
export const backendAspects: readonly Aspect[] = [
  ...[accepted, running, reachable, versionSupported, healthy, authorized, isolated],
  ...[highlyAvailable, durable, ready],
];

const judges: readonly ((facts: BackendFacts) => Judged | undefined)[] = [
  judgeRunning,
  ...[judgeReachable, judgeVersionSupported, judgeHealthy, judgeAuthorized, judgeIsolated],
  ...[judgeHighlyAvailable, judgeDurable],
];

/** One that is not used has nothing to say but that. */
export function decideConditions(facts: BackendFacts): readonly Judged[] {
  const first = judgeAccepted(facts);
  if (first.status !== "True") return [first, judgeReady([first])];
  const others = [first, ...judges.flatMap((judge) => judge(facts) ?? [])];
  return [...others, judgeReady(others)];
}

export type Numbers = Omit<BackendStatus, "conditions" | "observedGeneration">;

export function decideNumbers({ etcd }: BackendFacts, quotaBytes?: number): Numbers {
  if (etcd === undefined) return {};
  const version = oldestVersion(etcd);
  const sizes = etcd.endpoints.flatMap(({ status }) =>
    status.kind === "done" ? [status.value.sizeBytes] : [],
  );
  const { voting, down } = healthyMembers(etcd);
  return {
    ...(version !== undefined && { version }),
    ...(etcd.members.kind === "done" && { members: voting, membersHealthy: voting - down.length }),
    ...(sizes.length > 0 && { sizeBytes: Math.max(...sizes) }),
    ...(quotaBytes !== undefined && { quotaBytes }),
  };
}

/** A namespace that has our Secret. Without a password, it holds none that can be used. */
export interface UserSecret {
  readonly namespace: string;
  readonly password: string | undefined;
}

export interface UsersSeen {
  /** Namespaces with a resource of ours. */
  readonly inUse: ReadonlySet<string>;
  readonly existing: ReadonlySet<string>;
  readonly secrets: readonly UserSecret[];
  /** Namespaces whose user was looked at a short while ago, and stood. */
  readonly seenLately: ReadonlySet<string>;
}

export interface UsersPlan {
  /** A password is made, given to etcd, and then kept in the Secret: in this order, so that what a Secret says is true. */
  readonly make: readonly string[];
  /** The user ought to stand, with this password. */
  readonly look: readonly { readonly namespace: string; readonly password: string }[];
  readonly remove: readonly string[];
}

const noUsers: UsersPlan = { make: [], look: [], remove: [] };

export function decideUsers(facts: BackendFacts, seen: UsersSeen): UsersPlan {
  const { spec, etcd } = facts;
  const wanted = spec.ok && spec.spec.external?.passwords === true;
  if (!wanted || etcd?.rights.kind !== "done") return noUsers;
  const { secrets, inUse, existing, seenLately } = seen;
  const known = new Map(secrets.map((secret) => [secret.namespace, secret.password]));
  // A namespace without resources keeps its user while it exists: its next resource finds the same password.
  const stays = (namespace: string) => inUse.has(namespace) || existing.has(namespace);
  const look = [...known].flatMap(([namespace, password]) =>
    password === undefined || seenLately.has(namespace) || !stays(namespace)
      ? []
      : [{ namespace, password }],
  );
  return {
    make: [...inUse].filter((namespace) => known.get(namespace) === undefined).sort(),
    look,
    remove: [...known.keys()].filter((namespace) => !stays(namespace)).sort(),
  };
}
