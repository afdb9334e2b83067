/** Whether locks and other resources can live there: what the other conditions come to. */
import { say, type Aspect } from "./aspect.ts";
import type { Judged } from "./condition.ts";

export const ready = {
  type: "Ready",
  reasons: {
    Ready: "True",
    NotAccepted: "False",
    NotRunning: "False",
    NotReachable: "False",
    VersionNotSupported: "False",
    NotHealthy: "False",
    NotAuthorized: "False",
    NotKnown: "Unknown",
  },
} as const satisfies Aspect;

const reasonOf = {
  Accepted: "NotAccepted",
  Running: "NotRunning",
  Reachable: "NotReachable",
  VersionSupported: "VersionNotSupported",
  Healthy: "NotHealthy",
  Authorized: "NotAuthorized",
} as const;

/** The first of these that does not hold is the reason. Isolation and spare members are for people to judge. */
export function judgeReady(others: readonly Judged[]): Judged {
  const counted = Object.keys(reasonOf) as (keyof typeof reasonOf)[];
  const found = counted.flatMap((type) => {
    const judged = others.find((one) => one.type === type);
    // A member that is down while there is a quorum keeps nobody from working.
    const holds = judged?.status === "True" || judged?.reason === "MembersDown";
    return judged === undefined || holds ? [] : [{ type, judged }];
  });
  const failed = found.find(({ judged }) => judged.status === "False");
  if (failed !== undefined)
    return say(ready, reasonOf[failed.type], `${failed.type}: ${failed.judged.message}`);
  const [unknown] = found;
  if (unknown !== undefined)
    return say(ready, "NotKnown", `${unknown.type}: ${unknown.judged.message}`);
  return say(ready, "Ready", "Resources can live there.");
}
