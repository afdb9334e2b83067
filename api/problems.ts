/**
 * Every problem that the API can answer with, once: its code, its HTTP status, its title and what to do about it.
 * The docs page, the OpenAPI document and the client's error type are made from this table.
 */
export interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** What the caller can do; stands in the reference, and ends the detail where nothing better is known. */
  readonly advice: string;
  /** Of 429 and 503: the same request is refused as long as nobody changes anything, so nobody is told when to retry. */
  readonly lasts?: true;
}

export const problems = {
  malformed: {
    status: 400,
    title: "The request is malformed",
    advice: "Correct the field that is named.",
  },
  not_supported: {
    status: 400,
    title: "Not supported yet",
    advice: "Leave the field at its default.",
  },
  forbidden_host: {
    status: 403,
    title: "This Host name is not accepted",
    advice: "Call localhost, or name the host in HOLDFAST_ALLOWED_HOSTS.",
  },
  cross_site: {
    status: 403,
    title: "Requests from web pages are refused",
    advice: "Call the sidecar from a program, not from a page in a browser.",
  },
  not_admin: {
    status: 403,
    title: "This pod may not force a release",
    advice: "Annotate the pod with holdfast.dev/admin: enabled, or change spec.admin of the pool.",
  },
  pool_not_found: {
    status: 404,
    title: "No such lock pool",
    advice: "Create a DistributedLock of this name in this namespace.",
  },
  grant_not_found: {
    status: 404,
    title: "No such grant",
    advice: "Use the grantId that the acquire was answered with, at the sidecar that gave it.",
  },
  not_found: {
    status: 404,
    title: "No such path",
    advice: "See /openapi.json for the paths there are.",
  },
  method_not_allowed: {
    status: 405,
    title: "This method is not allowed here",
    advice: "Use one of the methods in the Allow header.",
  },
  grant_lost: {
    status: 409,
    title: "The grant is over",
    advice: "Stop what the lock guarded, and acquire again.",
  },
  deadlock: {
    status: 409,
    title: "Owners wait for each other in a circle",
    advice: "Release what the owner holds, and begin again; or take the locks together, as a set.",
  },
  request_reused: {
    status: 409,
    title: "The requestId stands for another request",
    advice: "Use an id for one request only: the same lock, or the same set, in the same mode.",
  },
  body_too_large: {
    status: 413,
    title: "The request body is too large",
    advice: "Send less than the limit that is named.",
  },
  uri_too_long: {
    status: 414,
    title: "The request line is too long",
    advice: "Put the fields into a JSON body.",
  },
  unsupported_media_type: {
    status: 415,
    title: "This content type is not understood",
    advice: "Send application/json.",
  },
  lock_held: { status: 423, title: "The lock is held", advice: "Wait longer, or try again later." },
  too_many_waiters: {
    status: 429,
    title: "Too many wait for this lock",
    advice: "Retry later, or raise spec.limits.waitersPerLock.",
  },
  too_many_names: {
    status: 429,
    title: "The pool has too many locks in use",
    advice: "Retry later, or raise spec.limits.names.",
  },
  too_many_grants: {
    status: 429,
    title: "This pod holds too many grants of the pool",
    advice: "Release some, or raise spec.limits.grantsPerPod.",
  },
  permits_exceed: {
    status: 409,
    title: "More permits are wanted than the pool has",
    advice: "Ask for fewer, or raise spec.permits.",
  },
  wait_too_long: {
    status: 429,
    title: "The wait is longer than the pool allows",
    advice: "Wait less, or raise spec.limits.wait.",
    lasts: true,
  },
  metadata_too_large: {
    status: 429,
    title: "The metadata is larger than the pool allows",
    advice: "Send less, or raise spec.limits.metadataBytes.",
    lasts: true,
  },
  too_many_locks: {
    status: 429,
    title: "Too many locks are asked for in one request",
    advice: "Ask for at most as many as the limit that is named.",
    lasts: true,
  },
  too_many_requests: {
    status: 429,
    title: "The sidecar has too much to do",
    advice: "Retry later.",
  },
  backend_full: {
    status: 429,
    title: "etcd's database is full",
    advice:
      "Run 'etcdctl defrag' and then 'etcdctl alarm disarm' on the etcd; GET /v1/session shows its state.",
  },
  headers_too_large: {
    status: 431,
    title: "The request headers are too large",
    advice: "Send smaller headers.",
  },
  internal: {
    status: 500,
    title: "The sidecar failed",
    advice: "Report this with the sidecar's log.",
  },
  session_lost: {
    status: 503,
    title: "The session with etcd is lost",
    advice: "Nothing was done. Retry: a new session is made as soon as etcd answers.",
  },
  backend_unreachable: {
    status: 503,
    title: "etcd cannot be reached",
    advice: "Nothing was done. Retry; see GET /v1/session.",
  },
  backend_refused: {
    status: 503,
    title: "etcd refuses the sidecar",
    advice: "Nothing was done. Check etcd's users, roles and certificates; see GET /v1/session.",
  },
  not_ready: {
    status: 503,
    title: "The sidecar is not ready",
    advice: "Retry; see /readyz on the health port.",
  },
  draining: {
    status: 503,
    title: "The sidecar is shutting down",
    advice: "Nothing was done. Retry at its successor.",
  },
  sidecar_too_old: {
    status: 503,
    title: "The sidecar is too old for this resource",
    advice: "Restart the pod to get the current sidecar.",
    lasts: true,
  },
  outcome_unknown: {
    status: 504,
    title: "The outcome is not known",
    advice: "Repeat the request with the same requestId, or read the lock.",
  },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof problems;
