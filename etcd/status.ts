/**
 * What a call without an answer means, in the one place where that is decided.
 *
 * `refused` is a closed list: the server looked at the request and said no before it could be written, or nothing of it
 * ever left. Everything else is `unknown`: `request timed out`, `leader changed` and `server stopped` are answered for
 * writes that are committed later.
 */
import type { Refused, Unknown } from "#core/outcome.ts";
import { refused, unknown } from "#core/outcome.ts";
import type { Failure } from "./http2/call.ts";

/** Not written, and to be sent again by the client itself: its caller hears nothing of it. */
export interface Again {
  readonly kind: "again";
  /** `staleAuth`: somebody changed a user or a role meanwhile. `badToken`: log in first. */
  readonly reason: "staleAuth" | "badToken";
  readonly message: string;
}

export type Verdict = Refused | Unknown | Again;

/** gRPC's numbers. */
const status = {
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  outOfRange: 11,
  unavailable: 14,
  unauthenticated: 16,
} as const;

export function verdictOn(failure: Failure): Verdict {
  const { message } = failure;
  switch (failure.kind) {
    case "notSent":
      return refused({ code: "notSent", message });
    case "broken":
    case "silent":
      return unknown({ code: "noAnswer", message });
    case "status":
      return verdictOnStatus(failure.code, message);
    default:
      return failure satisfies never;
  }
}

function verdictOnStatus(code: number, message: string): Verdict {
  switch (code) {
    case status.invalidArgument:
      if (message.includes("revision of auth store is old")) return again("staleAuth", message);
      // The login was made before users were switched on.
      if (message.includes("user name is empty")) return again("badToken", message);
      return refused({ code: "invalidArgument", message });
    case status.unauthenticated:
      return again("badToken", message);
    case status.permissionDenied:
      return refused({ code: "permissionDenied", message });
    case status.notFound:
      if (message.includes("lease not found")) return refused({ code: "leaseNotFound", message });
      break;
    case status.outOfRange:
      if (message.includes("compacted")) return refused({ code: "compacted", message });
      break;
    case status.resourceExhausted:
      if (message.includes("too many requests")) return refused({ code: "overloaded", message });
      if (message.includes("space exceeded")) return refused({ code: "noSpace", message });
      break;
    case status.unavailable:
      return unknown({ code: "unavailable", message });
    case status.cancelled:
      return unknown({ code: "cancelled", message });
    case status.deadlineExceeded:
      return unknown({ code: "deadline", message });
    default:
      break;
  }
  return unknown({ code: "noAnswer", message: `${message} (gRPC status ${code})` });
}

function again(reason: Again["reason"], message: string): Again {
  return { kind: "again", reason, message };
}

/** Whether a watch that the server cancelled with this reason can be made anew; undefined: nothing can mend it. */
export function watchCancelMeans(reason: string): "badToken" | "retry" | undefined {
  if (reason.includes("permission denied")) return undefined;
  if (/invalid auth token|auth store is old|user name is empty/.test(reason)) return "badToken";
  return "retry";
}
