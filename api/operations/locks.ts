/** Locks and grants: what an application asks, and what it is answered. What is seen of locks stands in looking.ts. */
import {
  choice,
  duration,
  integer,
  list,
  object,
  stringMap,
  text,
  timestamp,
  type ValueOf,
} from "../fields.ts";
import { grantEvents, problemEvent, waitEvents } from "./events.ts";
import type { InputOf, Operation } from "./operation.ts";

export const countMax = Number.MAX_SAFE_INTEGER;
const longestTtl = "168h";

export const pool = text({
  about: "The DistributedLock that the lock belongs to.",
  form: "subdomain",
});
export const name = text({
  about: "The lock, percent-encoded: any UTF-8 of 1 to 512 bytes without control characters.",
  form: "lockName",
});
export const grantId = text({
  about: "As the acquire was answered with.",
  form: "plain",
  bytesMin: 1,
  bytesMax: 128,
});

const modes = { exclusive: "nobody else holds the lock", shared: "others may share it" };
const holds = {
  ttl: "the grant ends when it is not renewed within its ttl",
  session: "the grant ends with the sidecar's session: it belongs to the pod as a whole",
  connection: "the grant ends when the caller closes the event stream that it was granted on",
};

// What is answered

export const holder = text({
  about: "Who it is, as the caller said; else the pod.",
  form: "plain",
  bytesMax: 256,
});
export const pod = text({ about: "The pod whose sidecar it asked.", form: "plain", bytesMax: 256 });
export const mode = choice({ about: "How the lock is held.", values: modes });
export const permits = integer({ about: "How many permits.", min: 1, max: countMax });
export const fence = text({
  about:
    "The fencing token, a decimal number as text: it grows with every exclusive grant of the lock. A shared one lies above every exclusive one before it and below every one after; among shared ones and permits it says nothing.",
  form: "decimal",
});
export const metadataShown = stringMap({
  about: "As the caller gave it.",
  optional: true,
  entriesMax: 64,
  keyBytesMax: 256,
  valueBytesMax: 16_384,
});

const lockNamed = { about: "Pool and name: orders/42.", form: "plain", bytesMax: 1_024 } as const;
export const lock = text(lockNamed);
const grantIdShown = text({
  about: "Names the grant to this sidecar.",
  form: "plain",
  bytesMax: 128,
});
export const locksMax = 32;

/** What every grant tells, of one lock or of a set. */
const grantFields = {
  hold: choice({ about: "What the grant lives by.", values: holds }),
  ttl: duration({
    about: "How long the grant lives without a renewal. Absent: it has no ttl.",
    optional: true,
    min: "0s",
    max: longestTtl,
  }),
  expiresIn: duration({
    about:
      "For how long the sidecar keeps the lock for this caller without a renewal. Absent: until what it lives by ends.",
    optional: true,
    min: "0s",
    max: "8760h",
  }),
  guaranteedFor: duration({
    about:
      "For how long nobody else can be granted the lock, whatever happens to the sidecar. Count it from the sending of the request.",
    min: "0s",
    max: "8760h",
  }),
  acquiredAt: timestamp({ about: "When it was granted, by the sidecar's wall clock." }),
  holder,
};

export const grant = object({
  title: "Grant",
  about: "One caller's hold of a lock.",
  fields: { grantId: grantIdShown, lock, mode, permits, fence, ...grantFields },
});

const lockOfSet = object({
  title: "LockOfSet",
  about: "One lock of a set, as it is held.",
  fields: { lock, mode, permits, fence },
});
const locksOfSet = {
  about: "Each lock with its fence, as they were asked for.",
  items: lockOfSet,
  itemsMax: locksMax,
} as const;

export const setGrant = object({
  title: "SetGrant",
  about: "One caller's hold of several locks: it is renewed and released as one.",
  fields: { grantId: grantIdShown, locks: list(locksOfSet), fence, ...grantFields },
});

export const anyGrant = object({
  title: "AnyGrant",
  about: "A grant of one lock, or of a set: that one has locks in place of lock, mode and permits.",
  fields: {
    grantId: grantIdShown,
    lock: text({ ...lockNamed, optional: true }),
    mode: choice({ about: "How the lock is held.", values: modes, optional: true }),
    permits: integer({ about: "How many permits.", min: 1, max: countMax, optional: true }),
    locks: list({ ...locksOfSet, optional: true }),
    fence,
    ...grantFields,
  },
});

const released = object({
  title: "Released",
  about: "What was released.",
  fields: { released: integer({ about: "How many grants.", min: 0, max: countMax }) },
});

export type Grant = ValueOf<typeof grant>;
export type SetGrant = ValueOf<typeof setGrant>;
export type AnyGrant = ValueOf<typeof anyGrant>;
export type Released = ValueOf<typeof released>;

// What is asked

const unsettled = [
  "session_lost",
  "backend_unreachable",
  "backend_refused",
  "outcome_unknown",
] as const;

export const acquireLock = {
  id: "acquireLock",
  method: "POST",
  path: "/v1/locks/{pool}/{name}/acquire",
  about:
    "Takes a lock, waiting for it at most so long. Callers are served in the order in which they came.",
  pathFields: { pool, name },
  fieldsIn: "body",
  fields: {
    mode: choice({
      about: "How to hold the lock. Shared: only of a pool with mode ReadWrite.",
      default: "exclusive",
      values: modes,
    }),
    permits: integer({
      about:
        "How many permits to take, all or none. More than one: only of a pool with mode Semaphore.",
      default: 1,
      min: 1,
      max: 1_000_000,
    }),
    wait: duration({
      about: "How long to wait for the lock. 0s: only try. Bounded by the pool's limits.wait.",
      default: "0s",
      min: "0s",
      max: "24h",
    }),
    ttl: duration({
      about:
        "How long the grant lives without a renewal. Absent: the pool's ttl. Bounded by the pool's maxTtl.",
      optional: true,
      min: "100ms",
      max: longestTtl,
    }),
    hold: choice({
      about: "What the grant lives by.",
      default: "ttl",
      values: holds,
    }),
    requestId: text({
      about:
        "Makes the request repeatable: the same id from the same pod is answered with the same grant while it lives, and 409 grant_lost for a minute after (for less where more than a thousand such grants a second end in one pod).",
      optional: true,
      form: "plain",
      bytesMin: 1,
      bytesMax: 128,
    }),
    holder: text({
      about: "Who holds the lock, for people who look. Absent: the pod's name.",
      optional: true,
      form: "plain",
      bytesMin: 1,
      bytesMax: 256,
    }),
    owner: text({
      about:
        "On whose behalf: of owners who wait for each other in a circle the sidecar tells, and may end one (the pool's onDeadlock). Absent: it takes part in none.",
      optional: true,
      form: "plain",
      bytesMin: 1,
      bytesMax: 256,
    }),
    metadata: stringMap({
      about: "Shown to observers. Bounded by the pool's limits.metadataBytes.",
      optional: true,
      entriesMax: 64,
      keyBytesMax: 256,
      valueBytesMax: 16_384,
    }),
  },
  rules: [
    {
      field: "ttl",
      holds: (input) => input["hold"] === "ttl" || input["ttlMs"] === undefined,
      reason: "only a grant with hold 'ttl' has one",
      fix: "leave it out, or use hold 'ttl'",
    },
  ],
  replies: {
    200: {
      about: "The lock is held by the caller.",
      body: grant,
      text: {
        about: "With Accept: text/plain, grantId and fence on one line.",
        example: "s3k9x2-17 1152921504606912513\n",
      },
      events: {
        ...waitEvents,
        granted: { about: "The lock is held by the caller.", body: grant },
        ...grantEvents,
        ...problemEvent,
      },
    },
  },
  problems: [
    "pool_not_found",
    "grant_lost",
    "deadlock",
    "request_reused",
    "lock_held",
    "too_many_waiters",
    "too_many_names",
    "too_many_grants",
    "permits_exceed",
    "wait_too_long",
    "metadata_too_large",
    "backend_full",
    "sidecar_too_old",
    ...unsettled,
  ],
} as const satisfies Operation;

export const getGrant = {
  id: "getGrant",
  method: "GET",
  path: "/v1/grants/{grantId}",
  about: "Tells how a grant stands. Starts the count of guaranteedFor anew.",
  pathFields: { grantId },
  fieldsIn: "query",
  fields: {},
  rules: [],
  replies: { 200: { about: "The grant is held.", body: anyGrant } },
  problems: ["grant_not_found", "grant_lost"],
} as const satisfies Operation;

export const renewGrant = {
  id: "renewGrant",
  method: "POST",
  path: "/v1/grants/{grantId}/renew",
  about: "Starts the grant's ttl anew.",
  pathFields: { grantId },
  fieldsIn: "body",
  fields: {
    ttl: duration({
      about: "From now on. Absent: the grant's ttl as it is.",
      optional: true,
      min: "100ms",
      max: longestTtl,
    }),
  },
  rules: [],
  replies: { 200: { about: "The grant is renewed.", body: anyGrant } },
  problems: ["grant_not_found", "grant_lost", "session_lost"],
} as const satisfies Operation;

export const releaseGrant = {
  id: "releaseGrant",
  method: "DELETE",
  path: "/v1/grants/{grantId}",
  about: "Gives the lock back. Repeated within a minute it is answered the same.",
  pathFields: { grantId },
  fieldsIn: "query",
  fields: {},
  rules: [],
  replies: { 204: { about: "The lock is released." } },
  problems: ["grant_not_found", "grant_lost", ...unsettled],
} as const satisfies Operation;

export const releaseHolder = {
  id: "releaseHolder",
  method: "DELETE",
  path: "/v1/grants",
  about:
    "Gives back all that a holder of this name took through this sidecar in an earlier life. What it lost, of pools with `onLoss: Unready`, keeps the pod unready no longer.",
  pathFields: {},
  fieldsIn: "query",
  fields: {
    holder: text({
      about: "The holder that the grants were acquired with.",
      form: "plain",
      bytesMin: 1,
      bytesMax: 256,
    }),
  },
  rules: [],
  replies: { 200: { about: "The locks are released.", body: released } },
  problems: [...unsettled],
} as const satisfies Operation;

export type AcquireInput = InputOf<typeof acquireLock>;
export type GrantInput = InputOf<typeof getGrant>;
export type RenewInput = InputOf<typeof renewGrant>;
export type ReleaseHolderInput = InputOf<typeof releaseHolder>;
