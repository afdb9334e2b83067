/** Whether any endpoint answers us. */
import type { AdminRefusal } from "../etcd-admin/outcome.ts";
import { say, type Aspect } from "./aspect.ts";
import type { Judged } from "./condition.ts";
import type { BackendFacts } from "./backend-facts.ts";

export const reachable = {
  type: "Reachable",
  reasons: {
    Reachable: "True",
    Unreachable: "False",
    CertificateNotTrusted: "False",
    CredentialsMissing: "False",
    CredentialsRefused: "False",
    SecretMissing: "False",
    SecretUnusable: "False",
    NotAsked: "Unknown",
  },
} as const satisfies Aspect;

/** What Node's TLS says of a server's certificate that it does not take. */
const untrusted = /certificate|self-signed|self signed|Hostname\/IP does not match/i;

export function judgeReachable({ secrets, etcd }: BackendFacts): Judged {
  switch (secrets.kind) {
    case "missing":
      return say(reachable, "SecretMissing", `${secrets.what} Create it, or correct the field.`);
    case "unusable":
      return say(reachable, "SecretUnusable", secrets.what);
    case "unread":
      return say(reachable, "NotAsked", secrets.what);
    case "read":
      break;
    default:
      return secrets satisfies never;
  }
  if (etcd === undefined) return say(reachable, "NotAsked", "Nothing was asked of it.");
  const answered = etcd.endpoints.filter(({ status }) => status.kind === "done").length;
  const all = etcd.endpoints.length;
  const silent = etcd.endpoints.flatMap(({ endpoint, status }) =>
    status.kind === "done" ? [] : [`${endpoint}: ${status.message}`],
  );
  const words = `${answered} of ${all} endpoints answer. ${silent.join("; ")}`.trim();
  if (answered > 0) return say(reachable, "Reachable", words);
  const refused = (reason: AdminRefusal) =>
    etcd.endpoints.some(({ status }) => status.kind === "refused" && status.reason === reason);
  if (refused("noCredentials"))
    return say(reachable, "CredentialsMissing", `${words}. Name an admin in external.adminSecret.`);
  if (refused("credentials"))
    return say(reachable, "CredentialsRefused", `${words}. Correct the Secret of adminSecret.`);
  if (untrusted.test(silent.join(" ")))
    return say(reachable, "CertificateNotTrusted", `${words}. Correct the Secret of external.ca.`);
  return say(reachable, "Unreachable", words);
}
