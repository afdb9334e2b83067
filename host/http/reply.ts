/** What a handler answers with, and how an answer or a problem is written. */
import { mayPass, problemBody, problemMediaType } from "#api/operations/problem-body.ts";
import { problems } from "#api/problems.ts";
import type { Refused } from "./refused.ts";
import { retryAfterSeconds } from "./limits.ts";
import { statusWords } from "./status.ts";
import type { StreamSource } from "./stream.ts";

export interface Reply {
  readonly status: number;
  /** Absent: no body. */
  readonly body?: Body;
  /** More headers: name, value, name, value … */
  readonly headers?: readonly string[];
  /** In place of a body. */
  readonly stream?: StreamSource;
  /** Told when the answer could not be handed to the caller's socket; of a stream, when the caller is gone before its end. */
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
    headers: mayPass(code, facts) ? [...retryHeaders, ...headers] : headers,
  };
}

/** Who sent `Expect: 100-continue` may send its body. */
export const continueText = "HTTP/1.1 100 Continue\r\n\r\n";

export interface ReplyEnds {
  /** The answer to HEAD says how long its body would be, and has none. */
  readonly isHead: boolean;
  /** The connection ends with it. */
  readonly closes: boolean;
  /** For how long it is kept without a request, where it goes on. */
  readonly idleMs: number;
}

const closing = "Connection: close\r\n\r\n";
/** Clients that read it close first, and never send a request into a connection that is just being closed. */
function keeping(idleMs: number): string {
  return `Connection: keep-alive\r\nKeep-Alive: timeout=${String(Math.floor(idleMs / 1000))}\r\n\r\n`;
}

/** Head and body in one, to be written at once. */
export function replyText(
  { status, body, headers }: Reply,
  { isHead, closes, idleMs }: ReplyEnds,
): string {
  let text = `HTTP/1.1 ${String(status)} ${statusWords[status] ?? "Error"}\r\n`;
  if (body !== undefined)
    text += `Content-Type: ${body.type}\r\nContent-Length: ${String(Buffer.byteLength(body.text))}\r\n`;
  else if (status !== 204) text += "Content-Length: 0\r\n";
  if (headers !== undefined) text += headerLines(headers);
  text += closes ? closing : keeping(idleMs);
  return body === undefined || isHead ? text : text + body.text;
}

function headerLines(headers: readonly string[]): string {
  let lines = "";
  for (let i = 0; i < headers.length; i += 2)
    lines += `${headers[i] ?? ""}: ${headers[i + 1] ?? ""}\r\n`;
  return lines;
}

/** For a connection on which there is no request to answer; it ends with it. */
export function farewell(refused: Refused): string {
  return replyText(problem(refused), { isHead: false, closes: true, idleMs: 0 });
}
