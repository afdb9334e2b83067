/** Whether one member may be lost without harm. */
import { healthyMembers } from "../etcd-admin/view.ts";
import { say, type Aspect } from "./aspect.ts";
import type { Judged } from "./condition.ts";
import type { BackendFacts } from "./backend-facts.ts";

export const highlyAvailable = {
  type: "HighlyAvailable",
  reasons: {
    HighlyAvailable: "True",
    TooFewMembers: "False",
    NoMemberToLose: "False",
    NotAsked: "Unknown",
  },
} as const satisfies Aspect;

const membersMin = 3;

export function judgeHighlyAvailable({ etcd, spec }: BackendFacts): Judged {
  if (etcd?.members.kind !== "done")
    return say(highlyAvailable, "NotAsked", "The list of members is not known.");
  const { voting, down } = healthyMembers(etcd);
  const managed = spec.ok && spec.spec.managed !== undefined;
  if (voting < membersMin)
    return say(
      highlyAvailable,
      "TooFewMembers",
      `${voting} member(s): each restart interrupts all locks, and may end grants. ${managed ? "This version runs no more." : "Use 3."}`,
    );
  const quorum = Math.floor(voting / 2) + 1;
  if (voting - down.length <= quorum)
    return say(
      highlyAvailable,
      "NoMemberToLose",
      `${voting - down.length} of ${voting} members answer, and ${quorum} are needed.`,
    );
  return say(highlyAvailable, "HighlyAvailable", `${voting} members; any one may be lost.`);
}
