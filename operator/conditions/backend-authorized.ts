/** Whether our admin may do what we need one for, and the spec tree is ours to write. */
import { isRefusedBy } from "../etcd-admin/outcome.ts";
import { say, type Aspect } from "./aspect.ts";
import type { Judged } from "./condition.ts";
import type { BackendFacts } from "./backend-facts.ts";

export const authorized = {
  type: "Authorized",
  reasons: {
    Authorized: "True",
    RightsMissing: "False",
    ForeignOwner: "False",
    NotAsked: "Unknown",
  },
} as const satisfies Aspect;

export function judgeAuthorized({ etcd, tree }: BackendFacts): Judged {
  if (tree?.kind === "foreign") return say(authorized, "ForeignOwner", `${tree.message}.`);
  if (etcd === undefined) return say(authorized, "NotAsked", "Nothing was asked of it.");
  const { rights } = etcd;
  switch (rights.kind) {
    case "done":
      return say(authorized, "Authorized", "The admin may manage users.");
    case "unknown":
      return say(authorized, "NotAsked", rights.message);
    case "refused":
      if (!isRefusedBy(rights, "permission", "missing"))
        return say(authorized, "NotAsked", rights.message);
      return say(
        authorized,
        "RightsMissing",
        `${rights.message}. Give the admin the role root: 'etcdctl user grant-role USER root', or name another in external.adminSecret.`,
      );
    default:
      return rights satisfies never;
  }
}
