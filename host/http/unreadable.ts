/** What is no request, in our words. */
import type { Refused } from "./refused.ts";
import { malformed } from "./refused.ts";
import { headerBytesMax, headersMax, type Bounds } from "./limits.ts";
import type { Unreadable } from "./request-head.ts";

export function refusalOf({ what, reason }: Unreadable, { headersMs, requestMs }: Bounds): Refused {
  const max = headerBytesMax;
  switch (what) {
    case "malformed":
      return malformed("request", `it is not valid HTTP/1.1 (${reason})`);
    case "tls":
      return malformed("request", "this port speaks HTTP without TLS; use http://");
    case "line":
      return {
        code: "uri_too_long",
        detail: `The request line has more than ${String(max)} bytes. Put the fields into a JSON body.`,
        facts: { limit: "uri", max },
      };
    case "headers":
      return {
        code: "headers_too_large",
        detail: `The request headers are more than ${String(headersMax)}, or more than ${String(max)} bytes. Send fewer.`,
        facts: { limit: "headers", max },
      };
    case "extensions":
      return {
        code: "body_too_large",
        detail: "The chunk extensions of the body are too large. Send none.",
      };
    case "lateHead":
      return malformed(
        "request",
        `its headers did not arrive within ${String(headersMs / 1000)} s`,
      );
    case "lateBody":
      return malformed("request", `it did not arrive within ${String(requestMs / 1000)} s`);
    default:
      return what satisfies never;
  }
}
