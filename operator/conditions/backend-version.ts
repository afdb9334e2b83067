/** Whether the servers are good enough, by the oldest that answers. */
import { judgeVersion } from "#etcd/version.ts";
import { oldestVersion } from "../etcd-admin/view.ts";
import { say, type Aspect } from "./aspect.ts";
import type { Judged } from "./condition.ts";
import type { BackendFacts } from "./backend-facts.ts";

export const versionSupported = {
  type: "VersionSupported",
  reasons: {
    Supported: "True",
    KnownFaults: "True",
    ExclusionNotProven: "False",
    VersionUnknown: "False",
    NotEtcd: "False",
    NotAsked: "Unknown",
  },
} as const satisfies Aspect;

export function judgeVersionSupported({ etcd }: BackendFacts): Judged {
  if (etcd === undefined) return say(versionSupported, "NotAsked", "Nothing was asked of it.");
  if (etcd.quorum.kind === "refused" && etcd.quorum.reason === "notSupported")
    return say(
      versionSupported,
      "NotEtcd",
      `The server refuses nested transactions (${etcd.quorum.message}): it is no etcd, but something like kine, as used by K3s. Use an etcd.`,
    );
  const version = oldestVersion(etcd);
  if (version === undefined)
    return say(versionSupported, "NotAsked", "No endpoint has told its version.");
  const { soundness, warning = `etcd ${version}.` } = judgeVersion(version);
  const reason = {
    sound: "Supported",
    faulty: "KnownFaults",
    unproven: "ExclusionNotProven",
    unknown: "VersionUnknown",
  } as const;
  return say(versionSupported, reason[soundness], warning);
}
