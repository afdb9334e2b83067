/** Bounds of the HTTP server. What goes past one is refused, and the bound is named to the caller. */

/** Of a request's body. The largest that an operation needs is a lock's metadata, 16 KiB. */
export const bodyBytesMax = 64 * 1024;
/** Of the request line and all headers together. */
export const headerBytesMax = 16 * 1024;
export const headersMax = 100;
/** Of the path and query. */
export const uriCharsMax = 8 * 1024;

/** Open connections; each waiting caller of HTTP/1.1 needs one. */
export const connectionsMax = 16_384;
/** Requests that were read and not yet answered: callers that wait, most of all. */
export const requestsMax = 10_000;
/** Of those, on one connection (pipelining). */
export const requestsPerConnectionMax = 100;

/** For the headers, and for the whole request, to arrive. How long an answer takes is bounded by the operation. */
export const headersMs = 10_000;
export const requestMs = 30_000;
/** A connection between two requests. Longer than the usual client keeps one, so that clients close first. */
export const idleMs = 75_000;
/** How often Node looks for connections past these times. */
export const timeoutCheckMs = 5_000;

/** What is still read, and for how long, of a body that was refused, so that its sender can read the refusal. */
export const lingerBytesMax = 1024 * 1024;
export const lingerMs = 1_000;

/** What a caller is told to wait for after 429 and 503, in seconds. */
export const retryAfterSeconds = 1;
