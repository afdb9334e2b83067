/** A request's body: read within its bound, and as JSON. */
import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { malformed, type Refused } from "./admission.ts";
import { findJsonError } from "./json-error.ts";
import { bodyBytesMax } from "./limits.ts";

export type Body =
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "refused"; readonly refused: Refused; readonly read: "all" | "part" };

export function hasBody(req: IncomingMessage): boolean {
  const length = req.headers["content-length"];
  return (length !== undefined && length !== "0") || req.headers["transfer-encoding"] !== undefined;
}

/** True where the body's length is known to be past the bound before any of it is read. */
export function isDeclaredTooLarge(req: IncomingMessage): boolean {
  return Number(req.headers["content-length"] ?? 0) > bodyBytesMax;
}

export const bodyTooLarge: Refused = {
  code: "body_too_large",
  detail: `The request body has more than ${String(bodyBytesMax)} bytes. Send less.`,
  facts: { limit: "body", max: bodyBytesMax },
};

/** Tells `done` once; never where the connection closes first. */
export function readBody(req: IncomingMessage, done: (body: Body) => void): void {
  if (isDeclaredTooLarge(req)) {
    done({ kind: "refused", refused: bodyTooLarge, read: "part" });
    return;
  }
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  const take = (chunk: Buffer): void => {
    sizeBytes += chunk.length;
    if (sizeBytes <= bodyBytesMax) {
      chunks.push(chunk);
      return;
    }
    req.off("data", take);
    req.off("end", end);
    done({ kind: "refused", refused: bodyTooLarge, read: "part" });
  };
  const end = (): void => {
    const [first] = chunks;
    done(parse(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks)));
  };
  req.on("data", take);
  req.on("end", end);
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
    read: "all",
  };
}
