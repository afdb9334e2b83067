/**
 * `DistributedLock`: a pool of locks that share a mode, limits and policies. The kind is described in full; what this
 * version does not serve yet is narrowed by `supported`, and refused by name.
 */
import {
  choice,
  duration,
  integer,
  object,
  text,
  timestamp,
  type ValueOf,
  type WrittenAs,
} from "../fields.ts";
import { parseDurationMs } from "../fields/duration.ts";
import { conditions, observedGeneration } from "./condition.ts";
import { specReader, type ResourceKind } from "./kind.ts";

const spec = object({
  about: "What the locks of this pool are like. Only the mode is fixed once the pool is made.",
  fields: {
    mode: choice({
      about: "Who may hold a lock at the same time. Fixed once the pool is made.",
      immutable: true,
      values: {
        Mutex: "one holder",
        ReadWrite: "one exclusive holder, or any number of shared ones",
        Semaphore: "as many holders as there are permits",
      },
    }),
    permits: integer({
      about: "How many permits each lock has. Only with mode Semaphore; may change while in use.",
      default: 1,
      min: 1,
      max: 1_000_000,
    }),
    ttl: duration({
      about: "How long a grant lives without a renewal, where the caller names no ttl.",
      default: "30s",
      min: "100ms",
      max: "168h",
    }),
    maxTtl: duration({
      about: "The longest ttl that a caller may name.",
      default: "1h",
      min: "100ms",
      max: "168h",
    }),
    maxHold: duration({
      about:
        "The end of any grant, renewed or not, counted from when it was given. Absent: no bound.",
      optional: true,
      min: "1s",
      max: "8760h",
    }),
    lockDelay: duration({
      about:
        "How long nobody is granted a lock after its holder was lost without a release: time for what the holder sent to arrive.",
      default: "0s",
      min: "0s",
      max: "1h",
    }),
    stickyFor: duration({
      about:
        "How long an unused lock stays with the pod that used it, so that taking it again costs no write. Given up at once when another pod asks. Of exclusive holds; permits and shared holds are given back at once.",
      default: "0s",
      min: "0s",
      max: "1h",
    }),
    handover: object({
      about:
        "How far a lock may pass from caller to caller inside one pod, and readers may join those of their pod, while others wait for it.",
      default: {},
      fields: {
        maxCount: integer({
          about: "So many times in a row. 0: never while another pod waits.",
          default: 16,
          min: 0,
          max: 10_000,
        }),
        maxHold: duration({
          about: "For so long in all. 0s: never while another pod waits.",
          default: "1s",
          min: "0s",
          max: "1m",
        }),
      },
    }),
    onLoss: choice({
      about:
        "What happens to a pod that lost a grant without having released it, besides the event that its caller gets.",
      default: "Notify",
      values: {
        Notify: "nothing more",
        Unready:
          "the sidecar's readiness (/readyz on its health port) fails and names the lock, until the pod is granted that lock again or DELETE /v1/grants?holder= says that its holder begins anew. A pod is taken out of service by it where its own readiness probe asks there",
      },
    }),
    onDeadlock: choice({
      about: "What happens when owners wait for each other in a circle.",
      default: "Report",
      values: {
        Report: "the circle is shown",
        AbortYoungest: "the youngest waiter of the circle is ended with a problem",
      },
    }),
    limits: object({
      about: "Bounds of the pool. What goes past one is refused, and the limit is named.",
      default: {},
      fields: {
        names: integer({
          about: "Locks of the pool that are held or waited for at the same time.",
          default: 10_000,
          min: 1,
          max: 1_000_000,
        }),
        waitersPerLock: integer({
          about: "Callers that wait for one lock.",
          default: 1_000,
          min: 1,
          max: 100_000,
        }),
        wait: duration({
          about: "The longest wait that a caller may name.",
          default: "10m",
          min: "0s",
          max: "24h",
        }),
        metadataBytes: integer({
          about: "Bytes of a request's metadata, names and texts together.",
          default: 1_024,
          min: 0,
          max: 16_384,
        }),
        grantsPerPod: integer({
          about: "Grants of the pool that one pod holds at the same time.",
          default: 10_000,
          min: 1,
          max: 1_000_000,
        }),
      },
    }),
    backendRef: object({
      about: "The Backend that keeps the locks. Absent: the installation's default.",
      optional: true,
      supported: [],
      fields: { name: text({ about: "The Backend's name.", form: "subdomain" }) },
    }),
    admin: choice({
      about:
        "Which pods may force a release: a guard against accidents, not against a hostile pod.",
      default: "Annotated",
      values: {
        Anyone: "every pod of the namespace",
        Annotated: "pods with the annotation holdfast.dev/admin: enabled",
        Nobody: "none",
      },
    }),
  },
});

const status = object({
  about: "What was last seen of the pool. Written by the operator.",
  optional: true,
  fields: {
    observedGeneration,
    held: integer({
      about: "Grants that are held; of a Mutex, as many as locks.",
      optional: true,
      min: 0,
      max: Number.MAX_SAFE_INTEGER,
    }),
    waiting: integer({
      about: "Callers that wait.",
      optional: true,
      min: 0,
      max: Number.MAX_SAFE_INTEGER,
    }),
    oldestWaitSince: timestamp({ about: "Since when the longest wait lasts.", optional: true }),
    conditions: conditions(
      "Accepted, BackendReachable, Programmed, Ready, and others while they hold.",
    ),
  },
});

/** All defaults in; durations as written. */
export type DistributedLockSpec = ValueOf<typeof spec>;
/** What may be written. */
export type DistributedLockSpecInput = WrittenAs<typeof spec>;

export const distributedLock: ResourceKind<typeof spec> = {
  kind: "DistributedLock",
  plural: "distributedlocks",
  singular: "distributedlock",
  shortNames: ["hflock"],
  about:
    "A pool of locks: any number of locks by name, which share a mode, limits and policies. A grant has a fencing token, and its holder hears of a loss before anyone else is granted the lock.",
  spec,
  status,
  example: {
    name: "orders",
    spec: {
      mode: "Mutex",
      ttl: "30s",
      maxTtl: "10m",
      maxHold: "8h",
      handover: { maxCount: 16, maxHold: "1s" },
      limits: {
        names: 5_000,
        waitersPerLock: 100,
        wait: "5m",
        metadataBytes: 512,
        grantsPerPod: 1_000,
      },
    },
  },
  rules: [
    {
      cel: "self.mode == 'Semaphore' || self.permits == 1",
      holds: ({ mode, permits }) => mode === "Semaphore" || permits === 1,
      field: "permits",
      reason: "only a Semaphore has more than one permit",
      fix: "leave it out, or use mode 'Semaphore'",
    },
    {
      cel: "duration(self.ttl) <= duration(self.maxTtl)",
      holds: ({ ttl, maxTtl }) => parseDurationMs(ttl) <= parseDurationMs(maxTtl),
      field: "ttl",
      reason: "is longer than maxTtl",
      fix: "use a shorter ttl, or a longer maxTtl",
    },
  ],
  columns: [
    {
      name: "Mode",
      type: "string",
      jsonPath: ".spec.mode",
      about: "Who may hold a lock together.",
    },
    { name: "Held", type: "integer", jsonPath: ".status.held", about: "Grants that are held." },
    { name: "Waiting", type: "integer", jsonPath: ".status.waiting", about: "Callers that wait." },
    {
      name: "Oldest-Wait",
      type: "date",
      jsonPath: ".status.oldestWaitSince",
      about: "How long the longest wait lasts.",
    },
    {
      name: "Ready",
      type: "string",
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      about: "Whether the pool can be used.",
    },
    {
      name: "Age",
      type: "date",
      jsonPath: ".metadata.creationTimestamp",
      about: "Since it was made.",
    },
  ],
};

/** Never throws. `path` is where the spec stands in its document, most often `spec`. */
export const parseDistributedLockSpec = specReader(distributedLock);
