/**
 * One POST by TLS, without `node:https`: that loads Node's whole HTTP into every sidecar (docs/decisions/0009-idle-memory.md).
 * The connection is for this one request, and the server closes it: the answer is what came until then.
 *
 * Where it fails is told as the step that failed, for a person who sees nothing but that line.
 */
import type { TLSSocket } from "node:tls";
import { after, type Runtime } from "#core/runtime.ts";

export type Step = "token" | "DNS" | "connect" | "TLS" | "answer" | "refused";

/** It did not come to an answer, or to one that says no. */
export class StepFailed extends Error {
  override readonly name = "StepFailed";
  readonly step: Step;
  /** When the server asks to be asked again. */
  readonly retryAfterMs: number | undefined;

  constructor(step: Step, message: string, retryAfterMs?: number) {
    super(`${step}: ${message}`);
    this.step = step;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface Posted {
  readonly url: URL;
  /** PEM: who may have signed the server's certificate. */
  readonly trust: string;
  readonly token: string;
  readonly body: object;
  readonly answerBytesMax: number;
}

export interface Reply {
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  readonly body: string;
}

/** Of all its steps together. */
const requestMs = 10_000;
const headBytesMax = 16 * 1024;

/** Throws StepFailed, or the signal's reason. */
export async function post(posted: Posted, runtime: Runtime, signal: AbortSignal): Promise<Reply> {
  const { url, trust } = posted;
  const { connect } = await import("node:tls");
  const { isIP } = await import("node:net");
  signal.throwIfAborted();
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? 443 : Number(url.port);
  const byName = isIP(host) === 0;
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  let step: Step = byName ? "DNS" : "connect";
  const fail = (message: string): void => {
    reject(new StepFailed(step, message));
  };
  let socket: TLSSocket;
  try {
    const name = byName ? { servername: host } : {};
    socket = connect({ host, port, ca: trust, minVersion: "TLSv1.3", ...name });
  } catch (error) {
    // What is to be trusted is no certificate.
    throw new StepFailed("TLS", messageOf(error));
  }
  const timer = runtime.timer(after(runtime.now(), requestMs), () => {
    fail(`nothing came of it within ${requestMs / 1_000} s`);
  });
  const leave = (): void => {
    reject(signal.reason as Error);
  };
  signal.addEventListener("abort", leave, { once: true });
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  socket.on("lookup", (error: Error | null) => {
    if (error === null) step = "connect";
  });
  socket.on("connect", () => (step = "TLS"));
  socket.on("secureConnect", () => {
    step = "answer";
    socket.write(requestText(posted));
  });
  socket.on("data", (part: Buffer) => {
    parts.push(part);
    sizeBytes += part.length;
    if (sizeBytes > posted.answerBytesMax + headBytesMax) fail("the answer is too large");
  });
  socket.on("error", (error) => {
    fail(messageOf(error));
  });
  socket.on("close", () => {
    const reply = readReply(Buffer.concat(parts));
    if (reply === undefined) fail("the connection ended before the answer did");
    else resolve(reply);
  });
  try {
    return await promise;
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", leave);
    socket.destroy();
  }
}

function requestText({ url, token, body }: Posted): string {
  const text = JSON.stringify(body);
  return [
    `POST ${url.pathname} HTTP/1.1`,
    `Host: ${url.host}`,
    `Authorization: Bearer ${token}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(text)}`,
    "Connection: close",
    "",
    text,
  ].join("\r\n");
}

/** Undefined: it is not whole, or no answer of HTTP that says how long it is. */
export function readReply(bytes: Buffer): Reply | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [first = "", ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
  const [, status] = /^HTTP\/1\.1 (\d{3})( |$)/.exec(first) ?? [];
  const field = (name: string): string | undefined => {
    const found = lines.find((line) => line.toLowerCase().startsWith(`${name}:`));
    return found?.slice(name.length + 1).trim();
  };
  const length = field("content-length") ?? "";
  if (status === undefined || !/^\d{1,9}$/.test(length)) return undefined;
  const body = bytes.subarray(end + 4);
  if (body.length !== Number(length)) return undefined;
  const seconds = /^\d{1,5}$/.exec(field("retry-after") ?? "")?.[0];
  const retryAfterMs = seconds === undefined ? undefined : Number(seconds) * 1_000;
  return { status: Number(status), retryAfterMs, body: body.toString() };
}

/** A name may fail once for each address: the message then lies in the parts. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "")
    return error.errors.map((one: Error) => one.message).join("; ");
  return error instanceof Error ? error.message : String(error);
}
