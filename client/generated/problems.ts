/* Made from api/problems.ts by `make generate`. Do not edit. */

/** Every problem that the API answers with, and its HTTP status. */
export const problemStatus = {
  /** The request is malformed. Correct the field that is named. */
  malformed: 400,

  /** Not supported yet. Leave the field at its default. */
  not_supported: 400,

  /** This Host name is not accepted. Call localhost, or name the host in HOLDFAST_ALLOWED_HOSTS. */
  forbidden_host: 403,

  /** Requests from web pages are refused. Call the sidecar from a program, not from a page in a browser. */
  cross_site: 403,

  /** This pod may not force a release. Annotate the pod with holdfast.dev/admin: enabled, or change spec.admin of the pool. */
  not_admin: 403,

  /** No such lock pool. Create a DistributedLock of this name in this namespace. */
  pool_not_found: 404,

  /** No such grant. Use the grantId that the acquire was answered with, at the sidecar that gave it. */
  grant_not_found: 404,

  /** No such path. See /openapi.json for the paths there are. */
  not_found: 404,

  /** This method is not allowed here. Use one of the methods in the Allow header. */
  method_not_allowed: 405,

  /** The grant is over. Stop what the lock guarded, and acquire again. */
  grant_lost: 409,

  /** Owners wait for each other in a circle. Release what the owner holds, and begin again; or take the locks together, as a set. */
  deadlock: 409,

  /** The requestId stands for another request. Use an id for one request only: the same lock, or the same set, in the same mode. */
  request_reused: 409,

  /** The request body is too large. Send less than the limit that is named. */
  body_too_large: 413,

  /** The request line is too long. Put the fields into a JSON body. */
  uri_too_long: 414,

  /** This content type is not understood. Send application/json. */
  unsupported_media_type: 415,

  /** The lock is held. Wait longer, or try again later. */
  lock_held: 423,

  /** Too many wait for this lock. Retry later, or raise spec.limits.waitersPerLock. */
  too_many_waiters: 429,

  /** The pool has too many locks in use. Retry later, or raise spec.limits.names. */
  too_many_names: 429,

  /** This pod holds too many grants of the pool. Release some, or raise spec.limits.grantsPerPod. */
  too_many_grants: 429,

  /** More permits are wanted than the pool has. Ask for fewer, or raise spec.permits. */
  permits_exceed: 409,

  /** The wait is longer than the pool allows. Wait less, or raise spec.limits.wait. */
  wait_too_long: 429,

  /** The metadata is larger than the pool allows. Send less, or raise spec.limits.metadataBytes. */
  metadata_too_large: 429,

  /** Too many locks are asked for in one request. Ask for at most as many as the limit that is named. */
  too_many_locks: 429,

  /** The sidecar has too much to do. Retry later. */
  too_many_requests: 429,

  /** etcd's database is full. Run 'etcdctl defrag' and then 'etcdctl alarm disarm' on the etcd; GET /v1/session shows its state. */
  backend_full: 429,

  /** The request headers are too large. Send smaller headers. */
  headers_too_large: 431,

  /** The sidecar failed. Report this with the sidecar's log. */
  internal: 500,

  /** The session with etcd is lost. Nothing was done. Retry: a new session is made as soon as etcd answers. */
  session_lost: 503,

  /** etcd cannot be reached. Nothing was done. Retry; see GET /v1/session. */
  backend_unreachable: 503,

  /** etcd refuses the sidecar. Nothing was done. Check etcd's users, roles and certificates; see GET /v1/session. */
  backend_refused: 503,

  /** The sidecar is not ready. Retry; see /readyz on the health port. */
  not_ready: 503,

  /** The sidecar is shutting down. Nothing was done. Retry at its successor. */
  draining: 503,

  /** The sidecar is too old for this resource. Restart the pod to get the current sidecar. */
  sidecar_too_old: 503,

  /** The outcome is not known. Repeat the request with the same requestId, or read the lock. */
  outcome_unknown: 504,
} as const;

export type ProblemCode = keyof typeof problemStatus;

/** What a problem of that code tells beside its detail. */
export interface ProblemFacts {
  malformed: {
    /** The field, as a path. */
    readonly field: string;
  };
  not_supported: {
    /** The field, as a path. */
    readonly field: string;
  };
  forbidden_host: {};
  cross_site: {};
  not_admin: {
    /** The pool. */
    readonly pool: string;

    /** Whom it lets: its spec.admin. */
    readonly admin: string;

    /** What the pod lacks, with the value 'enabled'. */
    readonly annotation?: string;
  };
  pool_not_found: {
    /** The pool that was named. */
    readonly pool: string;
  };
  grant_not_found: {
    /** The grant that was named. */
    readonly grantId: string;
  };
  not_found: {};
  method_not_allowed: {};
  grant_lost: {
    /** The grant. */
    readonly grantId?: string;

    /** Why it is over. */
    readonly reason?: string;

    /** Since when. */
    readonly since?: string;
  };
  deadlock: {
    /** Pool and name: orders/42. */
    readonly lock: string;

    /** Whose wait was ended. */
    readonly owner: string;

    /** The circle, first come first; of more than 1,000 waits the first. */
    readonly waits: readonly {
      /** Who waits, as the request named it. */
      readonly owner: string;

      /** Who it is for people who look. */
      readonly holder: string;

      /** The pod whose sidecar it asked. */
      readonly pod: string;

      /** What it waits for: orders/42. */
      readonly lock: string;

      /** How it wants the lock. */
      readonly mode: "exclusive" | "shared";

      /** How many permits it wants. */
      readonly permits: number;

      /** Since when it waits. */
      readonly since: string;

      /** For which owners of the circle it waits. Of more than 100, those just before it. */
      readonly behind: readonly string[];
    }[];
  };
  request_reused: {
    /** The field, as a path. */
    readonly field: string;

    /** The id that was given twice. */
    readonly requestId: string;
  };
  body_too_large: {
    /** Which part of the request. */
    readonly limit: string;

    /** How much it may hold. */
    readonly max?: number;
  };
  uri_too_long: {
    /** Which part of the request. */
    readonly limit: string;

    /** How much it may hold. */
    readonly max?: number;
  };
  unsupported_media_type: {};
  lock_held: {
    /** Pool and name: orders/42. */
    readonly lock: string;

    /** Who holds it. */
    readonly holder?: string;

    /** In which pod. */
    readonly pod?: string;

    /** Since when. */
    readonly since?: string;

    /** How many wait. */
    readonly waiting?: number;
  };
  too_many_waiters: {
    /** Which one, below spec.limits; `permits`: spec.permits. */
    readonly limit: string;

    /** How it is set. */
    readonly value?: number;
  };
  too_many_names: {
    /** Which one, below spec.limits; `permits`: spec.permits. */
    readonly limit: string;

    /** How it is set. */
    readonly value?: number;

    /** How many the request asks for: above `value` it can never be served. */
    readonly asked?: number;

    /** How many there are, as last counted. */
    readonly inUse?: number;
  };
  too_many_grants: {
    /** Which one, below spec.limits; `permits`: spec.permits. */
    readonly limit: string;

    /** How it is set. */
    readonly value?: number;

    /** How many the request asks for: above `value` it can never be served. */
    readonly asked?: number;

    /** How many there are, as last counted. */
    readonly inUse?: number;
  };
  permits_exceed: {
    /** The field, as a path. */
    readonly field: string;

    /** Which one, below spec.limits; `permits`: spec.permits. */
    readonly limit: string;

    /** How it is set. */
    readonly value?: number;
  };
  wait_too_long: {
    /** The field, as a path. */
    readonly field: string;

    /** Which one, below spec.limits; `permits`: spec.permits. */
    readonly limit: string;

    /** How it is set. */
    readonly value?: number;
  };
  metadata_too_large: {
    /** The field, as a path. */
    readonly field: string;

    /** Which one, below spec.limits; `permits`: spec.permits. */
    readonly limit: string;

    /** How it is set. */
    readonly value?: number;
  };
  too_many_locks: {
    /** The field, as a path. */
    readonly field: string;

    /** Which part of the request. */
    readonly limit: string;

    /** How much it may hold. */
    readonly max?: number;
  };
  too_many_requests: {
    /** Which one of the sidecar's own. */
    readonly limit?: string;

    /** How many it serves at once. */
    readonly max?: number;
  };
  backend_full: {};
  headers_too_large: {
    /** Which part of the request. */
    readonly limit: string;

    /** How much it may hold. */
    readonly max?: number;
  };
  internal: {};
  session_lost: {};
  backend_unreachable: {};
  backend_refused: {};
  not_ready: {};
  draining: {};
  sidecar_too_old: {};
  outcome_unknown: {
    /** The id to repeat the request with. */
    readonly requestId?: string;
  };
}
