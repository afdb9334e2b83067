/** From facts to what the status says. Pure. */
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

export interface SeenElsewhere {
  readonly quotaBytes?: number | undefined;
  readonly sidecars?: BackendStatus["sidecars"];
}

export function decideNumbers(
  { etcd }: BackendFacts,
  { quotaBytes, sidecars }: SeenElsewhere = {},
): Numbers {
  const ofPods = sidecars === undefined ? {} : { sidecars };
  if (etcd === undefined) return ofPods;
  const version = oldestVersion(etcd);
  const sizes = etcd.endpoints.flatMap(({ status }) =>
    status.kind === "done" ? [status.value.sizeBytes] : [],
  );
  const { voting, down } = healthyMembers(etcd);
  return {
    ...ofPods,
    ...(version !== undefined && { version }),
    ...(etcd.members.kind === "done" && { members: voting, membersHealthy: voting - down.length }),
    ...(sizes.length > 0 && { sizeBytes: Math.max(...sizes) }),
    ...(quotaBytes !== undefined && { quotaBytes }),
  };
}
