/** What a handler answers with, and how an answer or a problem is written. */
import { STATUS_CODES } from "#host/node-http.ts";
import { problemBody, problemMediaType } from "#api/operations/problem-body.ts";
import { problems } from "#api/problems.ts";
import type { Refused } from "./admission.ts";
import { retryAfterSeconds } from "./limits.ts";

export interface Reply {
  readonly status: number;
  /** Absent: no body. */
  readonly body?: Body;
  /** More headers: name, value, name, value … */
  readonly headers?: readonly string[];
  /** Told when the answer could not be handed to the caller's socket. */
  readonly undelivered?: () => void;
}

interface Body {
  readonly type: string;
  readonly text: string;
}

const jsonType = "application/json";
const textType = "text/plain; charset=utf-8";

export function json(status: number, value: unknown, undelivered?: () => void): Reply {
  const body = { type: jsonType, text: JSON.stringify(value) };
  return undelivered === undefined ? { status, body } : { status, body, undelivered };
}

export function text(status: number, value: string, undelivered?: () => void): Reply {
  const body = { type: textType, text: value };
  return undelivered === undefined ? { status, body } : { status, body, undelivered };
}

/** JSON that was written before, such as the contract. */
export function jsonText(status: number, value: string): Reply {
  return { status, body: { type: jsonType, text: value } };
}

export const noContent: Reply = { status: 204 };

const retryHeaders = ["Retry-After", String(retryAfterSeconds)] as const;

export function problem({ code, detail, facts }: Refused, headers: readonly string[] = []): Reply {
  const { status } = problems[code];
  return {
    status,
    body: { type: problemMediaType, text: JSON.stringify(problemBody(code, detail, facts)) },
    headers: status === 429 || status === 503 ? [...retryHeaders, ...headers] : headers,
  };
}

/** For a socket on which there is no request to answer; the connection ends with it. */
export function rawResponse(refused: Refused): string {
  const { status, body, headers = [] } = problem(refused);
  const { type, text: content } = body ?? { type: textType, text: "" };
  const lines = [`HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? "Error"}`];
  for (let i = 0; i < headers.length; i += 2)
    lines.push(`${headers[i] ?? ""}: ${headers[i + 1] ?? ""}`);
  lines.push(
    `Content-Type: ${type}`,
    `Content-Length: ${String(Buffer.byteLength(content))}`,
    "Connection: close",
  );
  return `${lines.join("\r\n")}\r\n\r\n${content}`;
}
