/** What callers are told when they cannot have a lock, each in one place. */
import type { StoreRefusal } from "../outcome.ts";
import { Refusal } from "../refusal.ts";
import type { Sessions } from "../session/sessions.ts";
import type { LockName } from "./keys.ts";
import type { Rules } from "./rules.ts";
import type { Acquired, HolderView } from "./views.ts";

export function heldBy(holder: HolderView, waiting: number): Acquired {
  return { kind: "held", holder, waiting };
}

/** `connecting`: there was none yet; `lost`: the next is being made; else there is one, and the resources are being read. */
export function notConnected(sessions: Sessions): Refusal {
  const { state } = sessions.status();
  if (state === "held" || state === "jeopardy") {
    return new Refusal(
      "not_ready",
      "The resources have not been read from etcd yet. Nothing was done. Retry.",
    );
  }
  const why = sessions.reason ?? "etcd has not answered yet";
  return state === "lost"
    ? new Refusal(
        "session_lost",
        `The session with etcd is lost (${why}); a new one is being made. Nothing was done. Retry.`,
      )
    : new Refusal(
        "backend_unreachable",
        `There is no session with etcd yet: ${why}. Nothing was done. Retry.`,
      );
}

export function blocked(): Refusal {
  return new Refusal(
    "not_ready",
    "Nothing is granted now: the fence base is not set yet, or etcd began anew. Retry; it heals as soon as the owner of the resources is there.",
  );
}

/** The session has raised its epoch, and etcd has not yet said to what. */
export function epochUnknown(): Refusal {
  return storeRefused({ code: "notSent", message: "it has not confirmed the session's epoch" });
}

export function storeRefused(reason: StoreRefusal): Refusal {
  switch (reason.code) {
    case "noSpace":
      return new Refusal(
        "backend_full",
        "etcd's database is full, so nothing new can be locked; releases go on. Run 'etcdctl defrag' and then 'etcdctl alarm disarm' on the etcd.",
      );
    case "overloaded":
    case "queueFull":
      return new Refusal(
        "too_many_requests",
        `More is asked of etcd than it can do now (${reason.message}). Retry later.`,
      );
    case "notSent":
    case "leaseNotFound":
      return new Refusal(
        "backend_unreachable",
        `etcd cannot be reached (${reason.message}). Nothing was done. Retry.`,
      );
    case "permissionDenied":
    case "unauthenticated":
    case "invalidArgument":
    case "compacted":
      return new Refusal(
        "backend_refused",
        `etcd refuses the sidecar (${reason.message}). Nothing was done.`,
      );
    case "stale":
      return new Refusal(
        "too_many_requests",
        "The pool's resource changes too often to be judged. Retry later.",
      );
    default:
      return reason satisfies never;
  }
}

export function permitsExceed(
  { pool, name }: LockName,
  wanted: number,
  { sharing }: Rules,
): Refusal {
  return new Refusal(
    "permits_exceed",
    `permits: ${String(wanted)} of lock '${name}' can never be had: pool '${pool}' has ${String(sharing.permits)} (spec.permits). Ask for fewer, or raise it.`,
    { field: "permits", limit: "permits", value: sharing.permits },
  );
}

export function tooManyWait({ pool, name }: LockName, { limits }: Rules): Refusal {
  return new Refusal(
    "too_many_waiters",
    `Lock '${name}' of pool '${pool}' has ${String(limits.waitersPerLock)} waiters, its limit (spec.limits.waitersPerLock). Retry later or raise the limit.`,
    { limit: "waitersPerLock", value: limits.waitersPerLock },
  );
}
