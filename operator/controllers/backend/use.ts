/** What the Backend that is used comes to for the rest of the operator: an etcd that may be asked, or why there is none. */
import { judgeAccepted } from "../../conditions/backend-accepted.ts";
import type { AdminAccess } from "../../etcd-admin/connection.ts";
import { markOf } from "./access.ts";
import type { BackendRead } from "./gather.ts";

export type BackendUse = UsableBackend | UnusableBackend;

export interface UsableBackend {
  readonly kind: "usable";
  readonly access: AdminAccess;
  /** Whether it is to be compacted and defragmented. */
  readonly maintenance: boolean;
}

export interface UnusableBackend {
  /** `unusable`: it is accepted, and a Secret that it names does not do. */
  readonly kind: "notFound" | "notAccepted" | "unusable";
  readonly message: string;
}

/** `before`: what it came to last, which stays where the API server does not give the Secrets now. */
export function decideUse(read: BackendRead, before: BackendUse | undefined): BackendUse {
  const { facts, access } = read;
  const accepted = judgeAccepted(facts);
  if (accepted.status !== "True") return { kind: "notAccepted", message: accepted.message };
  if (access === undefined) {
    const { secrets } = facts;
    if (secrets.kind === "unread" && before?.kind === "usable") return before;
    return { kind: "unusable", message: secrets.kind === "read" ? "" : secrets.what };
  }
  const spec = facts.spec.ok ? facts.spec.spec : undefined;
  const maintenance = spec?.managed !== undefined || spec?.external?.maintenance === true;
  return { kind: "usable", access, maintenance };
}

/** Whether nothing has to be made anew. */
export function isSameUse(a: BackendUse, b: BackendUse | undefined): boolean {
  if (a.kind === "usable")
    return (
      b?.kind === "usable" &&
      a.maintenance === b.maintenance &&
      markOf(a.access) === markOf(b.access)
    );
  return a.kind === b?.kind && a.message === b.message;
}
