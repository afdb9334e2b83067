/** Bounds of the HTTP server. What goes past one is refused, and the bound is named to the caller. */

/** Of a request's body. The largest that an operation needs is a lock's metadata, 16 KiB. */
export const bodyBytesMax = 64 * 1024;
/** Of the extensions of a body's chunks, together. Nobody needs one. */
export const extensionBytesMax = 16 * 1024;
/** Of the request line and all headers together, and of all trailers. */
export const headerBytesMax = 16 * 1024;
export const headersMax = 100;
/** Of the path and query. */
export const uriCharsMax = 8 * 1024;

/** Of requests on one connection that were read and not yet answered (pipelining). */
export const requestsPerConnectionMax = 100;

/** What is still read of a body that was refused, so that its sender can read the refusal. */
export const lingerBytesMax = 1024 * 1024;

/** What a caller is told to wait for after a 429 or 503 that may pass, in seconds. */
export const retryAfterSeconds = 1;

/** What a server may be started with other than this. */
export interface Bounds {
  /** Open connections; each waiting caller of HTTP/1.1 needs one. */
  readonly connectionsMax: number;
  /** Requests that were read and not yet answered: callers that wait, most of all. */
  readonly requestsMax: number;
  /** Of a connection's answers that its client has not read; past it, no more requests are read from there. */
  readonly unsentBytesMax: number;
  /** For the headers, and for the whole request, to arrive. How long an answer takes is bounded by the operation. */
  readonly headersMs: number;
  readonly requestMs: number;
  /** A connection between two requests. Longer than the usual client keeps one, so that clients close first. */
  readonly idleMs: number;
  /** For a client to make room for its answers. */
  readonly unreadMs: number;
  /** How long a connection that is over waits for its client to close, too. */
  readonly lingerMs: number;
  /** How often connections past these times are looked for. */
  readonly timeoutCheckMs: number;
}

export const bounds: Bounds = {
  connectionsMax: 16_384,
  requestsMax: 10_000,
  unsentBytesMax: 64 * 1024,
  headersMs: 10_000,
  requestMs: 30_000,
  idleMs: 75_000,
  unreadMs: 30_000,
  lingerMs: 1_000,
  timeoutCheckMs: 5_000,
};
