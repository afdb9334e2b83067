/**
 * A call with many messages both ways. Messages are read one after the other; what is not read yet fills the window
 * of the stream, and then the server waits.
 */
import http2 from "node:http2";
import type { Connection } from "./connection.ts";
import { type Failure, Ending, requestHeaders } from "./call.ts";
import { Deframer, frame } from "./frame.ts";

export interface StreamPlan<Request, Response> {
  readonly method: StreamMethod<Request, Response>;
  readonly token: string | undefined;
}

interface StreamMethod<Request, Response> {
  readonly path: string;
  encode(request: Request): Uint8Array;
  decode(message: Uint8Array): Response;
}

export class MessageStream<Request, Response> {
  readonly connection: Connection;
  /** The token it was opened with. */
  readonly token: string | undefined;
  readonly #method: StreamMethod<Request, Response>;
  readonly #stream: http2.ClientHttp2Stream;
  readonly #ending: Ending;
  readonly #leave = () => {
    this.close();
  };

  private constructor(
    stream: http2.ClientHttp2Stream,
    connection: Connection,
    plan: StreamPlan<Request, Response>,
  ) {
    this.connection = connection;
    this.token = plan.token;
    this.#method = plan.method;
    this.#stream = stream;
    this.#ending = new Ending(stream, connection);
    connection.leaving.addEventListener("abort", this.#leave, { once: true });
    stream.once("close", () => {
      connection.leaving.removeEventListener("abort", this.#leave);
    });
  }

  /** Undefined where the connection takes no more calls. Ends when the connection is to be left. */
  static open<Request, Response>(
    connection: Connection,
    plan: StreamPlan<Request, Response>,
  ): MessageStream<Request, Response> | undefined {
    const stream = connection.request({
      ...requestHeaders(plan.method.path, plan.token),
      // A member that has no leader then ends the stream, instead of leaving it open and silent.
      hasleader: "true",
    });
    return stream === undefined ? undefined : new MessageStream(stream, connection, plan);
  }

  /** Lost without a word where the stream has ended: who reads the messages learns of that. */
  send(request: Request): void {
    if (this.#stream.closed || this.#stream.destroyed) return;
    this.#stream.write(frame(this.#method.encode(request)));
  }

  /** Idempotent. The messages end. */
  close(): void {
    this.#stream.close(http2.constants.NGHTTP2_CANCEL);
  }

  /** To be read once. Ends when the stream does, however that was: {@link failure} says. */
  async *messages(): AsyncGenerator<Response, void, undefined> {
    const deframer = new Deframer();
    try {
      for await (const chunk of this.#stream as AsyncIterable<Buffer>) {
        this.connection.heard();
        for (const message of deframer.push(chunk)) yield this.#method.decode(message);
      }
    } catch (error) {
      this.#ending.failed(error as Error);
    } finally {
      this.close();
    }
  }

  /** Why it ended; undefined: with OK. */
  get failure(): Failure | undefined {
    return this.#ending.failure();
  }
}
