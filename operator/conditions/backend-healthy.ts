/** Whether it takes writes: quorum, alarms, members that are down. */
import { healthyMembers } from "../etcd-admin/view.ts";
import { say, type Aspect } from "./aspect.ts";
import type { Judged } from "./condition.ts";
import type { BackendFacts } from "./backend-facts.ts";

export const healthy = {
  type: "Healthy",
  reasons: {
    Healthy: "True",
    MembersDown: "False",
    NoQuorum: "False",
    SpaceExhausted: "False",
    Corrupt: "False",
    NotAsked: "Unknown",
  },
} as const satisfies Aspect;

const space =
  "The database has reached its quota and takes no more writes. Make room: 'etcdctl compact REVISION', then 'etcdctl defrag --cluster', then 'etcdctl alarm disarm'; or raise --quota-backend-bytes.";
const corrupt =
  "A member's data differs from the others' and is not served. Remove it ('etcdctl member remove ID'), delete its data, add it again ('etcdctl member add'), then 'etcdctl alarm disarm'.";

export function judgeHealthy({ etcd }: BackendFacts): Judged {
  if (etcd === undefined || etcd.endpoints.every(({ status }) => status.kind !== "done"))
    return say(healthy, "NotAsked", "No endpoint answers.");
  const alarms = etcd.alarms.kind === "done" ? etcd.alarms.value : [];
  if (alarms.some(({ kind }) => kind === "CORRUPT")) return say(healthy, "Corrupt", corrupt);
  if (alarms.some(({ kind }) => kind === "NOSPACE")) return say(healthy, "SpaceExhausted", space);
  if (etcd.quorum.kind === "unknown")
    return say(
      healthy,
      "NoQuorum",
      `A read that needs most of the members got no answer (${etcd.quorum.message}). Start the members that are down: 'etcdctl endpoint status --cluster'.`,
    );
  const { down, voting } = healthyMembers(etcd);
  if (down.length > 0)
    return say(
      healthy,
      "MembersDown",
      `${down.length} of ${voting} members do not answer, or have no leader: ${down.join(", ")}. If they run, name their endpoints in spec.external.endpoints.`,
    );
  return say(healthy, "Healthy", `${voting} of ${voting} members answer.`);
}
