/**
 * One request over one of undici's connections, sent once. Foreign errors are interpreted here and nowhere else: what
 * failed before anything was written is `notSent`, the rest is `broken`, and the outcome of a write then unknown.
 */
import type { Dispatcher } from "undici";
import { textOf } from "#core/json.ts";
import type { ApiRequest, ByteStream } from "./api.ts";
import { recordOf, refused, unknown, type KubeRefused, type KubeUnknown } from "./errors.ts";

export interface Target {
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly dispatcher: Dispatcher;
  /** A longer answer is given up. */
  readonly answerBytesMax: number;
}

/** What came back; `status` says whether it is a success. */
export interface Answer {
  readonly kind: "answer";
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** JSON where it is that, else the text. */
  readonly body: unknown;
}

export interface OpenStream {
  readonly kind: "stream";
  readonly stream: ByteStream;
}

export type Exchanged = Answer | KubeRefused | KubeUnknown;

/** Throws the signal's reason when that aborts. */
export async function exchange(
  target: Target,
  request: ApiRequest,
  signal: AbortSignal,
): Promise<Exchanged> {
  const response = await begin(target, request, signal);
  return "kind" in response ? response : whole(target, response, signal);
}

/** A success is left open; all else is read to its end. */
export async function exchangeStream(
  target: Target,
  request: ApiRequest,
  signal: AbortSignal,
): Promise<Exchanged | OpenStream> {
  const response = await begin(target, request, signal);
  if ("kind" in response) return response;
  if (response.statusCode !== 200) return whole(target, response, signal);
  return { kind: "stream", stream: streamOf(response, signal) };
}

async function begin(
  { server, headers, dispatcher }: Target,
  { method, path, query, body, contentType, accept }: ApiRequest,
  signal: AbortSignal,
): Promise<Dispatcher.ResponseData | KubeRefused | KubeUnknown> {
  signal.throwIfAborted();
  // The server may lie behind a path.
  const { origin, pathname, search } = new URL(`${server}${path}${queryText(query)}`);
  try {
    return await dispatcher.request({
      ...{ origin, path: `${pathname}${search}`, method },
      signal,
      headers: {
        accept: accept ?? "application/json",
        "user-agent": "holdfast-operator",
        ...(body !== undefined && { "content-type": contentType ?? "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  } catch (error) {
    return failed(error, signal);
  }
}

async function whole(
  { answerBytesMax }: Target,
  { statusCode, headers, body }: Dispatcher.ResponseData,
  signal: AbortSignal,
): Promise<Exchanged> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      sizeBytes += chunk.length;
      if (sizeBytes > answerBytesMax)
        return refused("tooLarge", `the answer has more than ${answerBytesMax} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    return failed(error, signal);
  }
  const retryAfter = textOf(headers["retry-after"]);
  return { kind: "answer", status: statusCode, retryAfter, body: parsed(Buffer.concat(chunks)) };
}

function parsed(bytes: Buffer): unknown {
  const text = bytes.toString();
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

function streamOf({ body }: Dispatcher.ResponseData, signal: AbortSignal): ByteStream {
  // Destroyed while nobody reads, it would throw into the void.
  body.on("error", () => undefined);
  async function* chunks(): AsyncIterable<Uint8Array> {
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) yield chunk;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw error;
    }
  }
  return { chunks: chunks(), close: () => void body.destroy() };
}

/** Connecting had not ended: nothing was written. */
const notSentCodes = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);
/** OpenSSL's reasons to refuse a server: the handshake had not ended. */
const isTls = (code: string): boolean =>
  /^(CERT_|ERR_TLS_|ERR_SSL_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_)/.test(code);

function failed(error: unknown, signal: AbortSignal): KubeRefused | KubeUnknown {
  if (signal.aborted) throw signal.reason;
  const code = codeOf(error);
  const message = messageOf(error);
  if (notSentCodes.has(code) || isTls(code)) return refused("notSent", message);
  return unknown({ code: "broken", status: 0, message });
}

/** Of several addresses that were tried, the first one's. */
function codeOf(error: unknown): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
  return textOf(recordOf(error)["code"]) ?? textOf(recordOf(first)["code"]) ?? "";
}

function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text === "" ? codeOf(error) : text;
}

function queryText(query: ApiRequest["query"]): string {
  const pairs = Object.entries(query ?? {}).filter(
    (pair): pair is [string, string] => pair[1] !== undefined,
  );
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs).toString()}`;
}
