/** A request's body: read within its bound, and as JSON. */
import { isUtf8 } from "node:buffer";
import { malformed, type Refused } from "#host/http/refused.ts";
import type { Exchange } from "#host/http/exchange.ts";
import { findJsonError } from "./json-error.ts";
import { bodyBytesMax } from "#host/http/limits.ts";

export type Body =
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "refused"; readonly refused: Refused };

const bodyTooLarge: Refused = {
  code: "body_too_large",
  detail: `The request body has more than ${String(bodyBytesMax)} bytes. Send less.`,
  facts: { limit: "body", max: bodyBytesMax },
};

/** Tells `done` once; never where the connection closes first. */
export function readBody(exchange: Exchange, done: (body: Body) => void): void {
  exchange.readBody((bytes) => {
    done(bytes === "tooLarge" ? { kind: "refused", refused: bodyTooLarge } : parse(bytes));
  });
}

function parse(bytes: Buffer): Body {
  if (bytes.length === 0) return { kind: "json", value: undefined };
  if (!isUtf8(bytes)) return notJson("it is not valid UTF-8");
  const text = bytes.toString("utf8");
  try {
    return { kind: "json", value: JSON.parse(text) as unknown };
  } catch {
    // A SyntaxError is all that JSON.parse throws; where and why is found out here, in the same words every time.
    const { line, column, expected } = findJsonError(text);
    return notJson(`at line ${String(line)}, column ${String(column)} ${expected} is expected`);
  }
}

function notJson(reason: string): Body {
  return {
    kind: "refused",
    refused: malformed("body", `it is not valid JSON: ${reason}`),
  };
}
