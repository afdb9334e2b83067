/** The Kubernetes API as the rest of this folder needs it: a port, bound to a real server by transport.ts. */
import type { KubeOutcome } from "./errors.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface ApiRequest {
  readonly method: Method;
  readonly path: string;
  /** What is undefined is left out. */
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: object;
  /** Of the body; absent: `application/json`. */
  readonly contentType?: string;
  /** The form of the answer; absent: `application/json`. */
  readonly accept?: string;
  /** Whether sending it twice does what sending it once does; absent: as for any GET, and for nothing else. */
  readonly repeatable?: boolean;
  /** Until the whole answer is there, all attempts together; absent: 30 s. */
  readonly deadlineMs?: number;
}

export interface ByteStream {
  /** Ends when the server ends it; throws where the connection breaks, and the signal's reason when that aborts. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Idempotent; the connection is given up. */
  close(): void;
}

export interface Api {
  /** The answer's JSON. Throws nothing but the signal's reason, at once when it aborts. */
  request(request: ApiRequest, signal: AbortSignal): Promise<KubeOutcome<unknown>>;
  /** An answer that goes on; the deadline is for its beginning. Never sent twice. */
  stream(request: ApiRequest, signal: AbortSignal): Promise<KubeOutcome<ByteStream>>;
}
