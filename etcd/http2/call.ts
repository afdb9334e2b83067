/**
 * One call with one answer, and what can become of it. Nothing here knows etcd: {@link file://../status.ts} judges.
 */
import http2 from "node:http2";
import type { Instant, Runtime } from "#core/runtime.ts";
import type { Connection } from "./connection.ts";
import { Deframer, frame } from "./frame.ts";

export type Reply =
  | { readonly kind: "answer"; readonly message: Uint8Array }
  /** The server ended the call with a status other than OK. */
  | { readonly kind: "status"; readonly code: number; readonly message: string }
  /** Nothing was sent, or the server says that it looked at nothing of it. */
  | { readonly kind: "notSent"; readonly message: string }
  /** Sent, and then the connection or the stream ended without a status. */
  | { readonly kind: "broken"; readonly message: string }
  /** Sent, and no answer in time. */
  | { readonly kind: "silent"; readonly message: string };

/** Why a call got no message. */
export type Failure = Exclude<Reply, { readonly kind: "answer" }>;

export interface Call {
  readonly path: string;
  readonly message: Uint8Array;
  readonly token: string | undefined;
  readonly deadline: Instant;
  readonly signal?: AbortSignal | undefined;
}

const { NGHTTP2_CANCEL, NGHTTP2_REFUSED_STREAM } = http2.constants;

export function requestHeaders(path: string, token: string | undefined): http2.OutgoingHttpHeaders {
  return {
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    ...(token === undefined ? {} : { token }),
  };
}

/** Sends one message and waits for its answer. Never rejects. */
export function call(connection: Connection, runtime: Runtime, plan: Call): Promise<Reply> {
  const stream = connection.request(requestHeaders(plan.path, plan.token));
  if (stream === undefined) {
    return Promise.resolve({ kind: "notSent", message: connection.reason });
  }
  return new Promise((resolve) => {
    const answer = new AnswerReader(stream, connection);
    const settle = (reply: Reply) => {
      timer.cancel();
      plan.signal?.removeEventListener("abort", leave);
      resolve(reply);
    };
    const leave = () => {
      settle({ kind: "silent", message: "the caller left" });
      stream.close(NGHTTP2_CANCEL);
    };
    const timer = runtime.timer(plan.deadline, () => {
      settle({ kind: "silent", message: `no answer from ${connection.endpoint} in time` });
      stream.close(NGHTTP2_CANCEL);
    });
    stream.once("close", () => {
      settle(answer.reply());
    });
    plan.signal?.addEventListener("abort", leave, { once: true });
    stream.end(frame(plan.message));
  });
}

/** Collects what comes back on a stream with one answer. */
class AnswerReader {
  readonly #stream: http2.ClientHttp2Stream;
  readonly #connection: Connection;
  readonly #deframer = new Deframer();
  readonly #messages: Uint8Array[] = [];
  readonly #ending: Ending;

  constructor(stream: http2.ClientHttp2Stream, connection: Connection) {
    this.#stream = stream;
    this.#connection = connection;
    this.#ending = new Ending(stream, connection);
    stream.on("data", (chunk: Buffer) => {
      connection.heard();
      try {
        this.#messages.push(...this.#deframer.push(chunk));
      } catch (error) {
        this.#ending.failed(error as Error);
        stream.close(NGHTTP2_CANCEL);
      }
    });
  }

  /** To be asked when the stream is closed. */
  reply(): Reply {
    const failure = this.#ending.failure();
    if (failure !== undefined) return failure;
    const [message, ...others] = this.#messages;
    if (message === undefined || others.length > 0 || this.#deframer.unfinished) {
      const text = `${this.#connection.endpoint} answered OK without exactly one message`;
      return { kind: "broken", message: `${text} (${String(this.#stream.rstCode)})` };
    }
    return { kind: "answer", message };
  }
}

/** How a stream ended: its trailers, or its only headers, or the lack of both. */
export class Ending {
  readonly #stream: http2.ClientHttp2Stream;
  readonly #connection: Connection;
  #code: number | undefined;
  #message = "";
  #error: Error | undefined;

  constructor(stream: http2.ClientHttp2Stream, connection: Connection) {
    this.#stream = stream;
    this.#connection = connection;
    stream.once("response", (headers: http2.IncomingHttpHeaders) => {
      connection.heard();
      this.#read(headers);
    });
    stream.once("trailers", (headers: http2.IncomingHttpHeaders) => {
      this.#read(headers);
    });
    stream.on("error", (error: Error) => {
      this.failed(error);
    });
  }

  failed(error: Error): void {
    this.#error ??= error;
  }

  /** Undefined: the call ended with OK. To be asked when the stream is closed. */
  failure(): Failure | undefined {
    if (this.#code === 0 && this.#error === undefined) return undefined;
    if (this.#code !== undefined && this.#code !== 0) {
      return { kind: "status", code: this.#code, message: this.#message };
    }
    const why = this.#error?.message ?? this.#connection.reason;
    const message = `${this.#connection.endpoint} gave no answer: ${why}`;
    if (this.#stream.rstCode === NGHTTP2_REFUSED_STREAM) return { kind: "notSent", message };
    return { kind: "broken", message };
  }

  #read(headers: http2.IncomingHttpHeaders): void {
    const code = headers["grpc-status"];
    if (typeof code === "string" && /^\d+$/.test(code)) {
      this.#code = Number(code);
      this.#message = decoded(headers["grpc-message"]);
    } else if (headers[":status"] !== undefined && Number(headers[":status"]) !== 200) {
      // Not etcd but something before it, which says nothing about what etcd did.
      this.failed(new Error(`HTTP status ${String(headers[":status"])}`));
    }
  }
}

function decoded(message: string | string[] | undefined): string {
  const text = typeof message === "string" ? message : "";
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a lone percent sign: better read as it came than not at all
  }
}
