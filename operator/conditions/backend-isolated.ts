/** Whether etcd itself keeps namespaces apart. */
import { say, type Aspect } from "./aspect.ts";
import type { Judged } from "./condition.ts";
import { proofOf, type BackendFacts } from "./backend-facts.ts";

export const isolated = {
  type: "Isolated",
  reasons: {
    Isolated: "True",
    AuthOff: "False",
    NoUsers: "False",
    UsersNotMade: "False",
    NotAsked: "Unknown",
  },
} as const satisfies Aspect;

const shownMax = 5;

export function judgeIsolated({ etcd, spec, tree, usersFailed }: BackendFacts): Judged {
  if (etcd === undefined || etcd.auth.kind !== "done")
    return say(isolated, "NotAsked", "It is not known whether users are switched on.");
  const managed = spec.ok && spec.spec.managed !== undefined;
  if (!etcd.auth.value && managed)
    return say(isolated, "NotAsked", "Users are being made; nobody but the operator is let in.");
  if (!etcd.auth.value)
    return say(
      isolated,
      "AuthOff",
      "Users are switched off in this etcd: every pod that reaches it can read and write all of it. Holdfast does not switch them on in an etcd that it does not manage: 'etcdctl auth enable'.",
    );
  if (!spec.ok || proofOf(spec.spec) === undefined)
    return say(
      isolated,
      "NoUsers",
      "No users are made for namespaces. Set spec.external.passwords to true.",
    );
  if (tree?.kind === "foreign")
    return say(
      isolated,
      "NotAsked",
      "Users are made only where the spec tree is this installation's.",
    );
  if (etcd.rights.kind !== "done")
    return say(
      isolated,
      "NotAsked",
      "It is not known whether each namespace has a user: the admin's rights are not known to do.",
    );
  if (usersFailed.length > 0)
    return say(
      isolated,
      "UsersNotMade",
      `Not all namespaces have their user: ${usersFailed.slice(0, shownMax).join("; ")}.`,
    );
  return say(isolated, "Isolated", "Each namespace has a user of its own.");
}
