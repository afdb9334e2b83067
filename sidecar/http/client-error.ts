/** What Node's HTTP parser could not make sense of, in our words instead of an empty 400. */
import type { Refused } from "./admission.ts";
import { malformed } from "./admission.ts";
import { headerBytesMax, headersMax, requestMs } from "./limits.ts";

export interface ParserError extends Error {
  readonly code?: string;
  readonly rawPacket?: Buffer;
}

/** Undefined: the connection broke, there is nobody to tell. */
export function refusalOf(error: ParserError): Refused | undefined {
  switch (error.code) {
    case "HPE_HEADER_OVERFLOW":
      return overflow(error.rawPacket);
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return malformed("request", `it did not arrive within ${String(requestMs / 1000)} s`);
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return {
        code: "body_too_large",
        detail: "The chunk extensions of the body are too large. Send none.",
      };
    case undefined:
    case "ECONNRESET":
    case "EPIPE":
      return undefined;
    default:
      return malformed("request", parserReason(error));
  }
}

/** A TLS client begins with this byte. */
const tlsHandshake = 0x16;

function parserReason(error: ParserError): string {
  if (error.rawPacket?.[0] === tlsHandshake)
    return "this port speaks HTTP without TLS; use http://";
  return `it is not valid HTTP/1.1 (${error.message.replace(/^Parse Error: /, "")})`;
}

/** The parser counts the request line among the headers; a packet without a line end is all request line. */
function overflow(packet: Buffer | undefined): Refused {
  const max = headerBytesMax;
  if (packet !== undefined && packet.length >= max && !packet.subarray(0, max).includes("\n")) {
    const detail = `The request line has more than ${String(max)} bytes. Put the fields into a JSON body.`;
    return { code: "uri_too_long", detail, facts: { limit: "uri", max } };
  }
  const detail = `The request headers are more than ${String(headersMax)}, or more than ${String(max)} bytes. Send fewer.`;
  return { code: "headers_too_large", detail, facts: { limit: "headers", max } };
}
