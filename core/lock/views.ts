/**
 * What callers and core say to each other about locks: requests in, answers and views out. All durations are
 * milliseconds; all moments are wall-clock milliseconds, for people.
 */
import type { Epoch, Instant } from "../runtime.ts";
import type { LockName } from "./keys.ts";
import type { Demand } from "./order.ts";

export type Hold = "ttl" | "session" | "connection";

/** One lock, and how it is wanted or held. */
export interface LockDemand extends Demand {
  readonly pool: string;
  /** As the user wrote it, not encoded. */
  readonly name: string;
}

export interface AcquireRequest extends LockDemand {
  /** A set: all of these or none. What stands beside is the first of them. Absent: that one lock. */
  readonly locks?: readonly LockDemand[] | undefined;
  /** 0: try. Bounded by the pool's `limits.wait`. */
  readonly waitMs: number;
  /** Absent: the pool's. Only with `hold: ttl`. */
  readonly ttlMs?: number | undefined;
  readonly hold: Hold;
  readonly requestId?: string | undefined;
  /** On whose behalf, for the search for circles of waiting; absent: it takes part in none. */
  readonly owner?: string | undefined;
  /** Who holds, in the caller's words; absent: the pod's name. */
  readonly holder?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** How an acquire ended. What cannot be asked at all is thrown as a Refusal. */
export type Acquired =
  | { readonly kind: "granted"; readonly grant: GrantView }
  /** The wait is over and somebody else holds it. `holder`: as last seen; absent where nobody was seen yet. */
  | {
      readonly kind: "held";
      /** Of a set: the one that keeps it waiting; absent where none was seen yet. */
      readonly lock?: LockName | undefined;
      readonly holder?: HolderView | undefined;
      readonly waiting: number;
    }
  /** A place in the queue may have been taken, and may still stand for a while. It is never granted to this caller. */
  | { readonly kind: "unknown" };

export interface GrantView extends LockDemand {
  readonly grantId: string;
  /** Of a set: its locks, as they were asked for. What stands beside is the first of them. */
  readonly locks?: readonly LockDemand[] | undefined;
  /** Decimal. Of a set: the one of each of its locks, since its places were taken in one write. */
  readonly fence: string;
  readonly hold: Hold;
  /** Only with `hold: ttl`. */
  readonly ttlMs?: number | undefined;
  /** How long the sidecar keeps the lock for its caller without a renewal. Absent: until the session ends. */
  readonly expiresInMs?: number | undefined;
  /** How long nobody else can be granted the lock, whatever happens to the sidecar. Counts from the sending of the question. */
  readonly guaranteedForMs: number;
  readonly acquiredAt: Epoch;
  readonly holder: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export type GrantEnd =
  | "released"
  | "expired"
  | "maxHold"
  | "drained"
  | "sessionLost"
  | "undelivered"
  /** Somebody asked for it, and the grace is over. */
  | "revoked"
  /** Somebody deleted its place in etcd, whatever was promised. */
  | "broken"
  /** Its caller did not read the stream that it lived by. */
  | "slow";

export interface ForceRequest {
  readonly pool: string;
  readonly name: string;
  /** For the holder to release it. */
  readonly graceMs: number;
  /** Deletes the holder's place, whatever was promised to him. */
  readonly breakGuarantee: boolean;
  /** Only the holder who has it; absent: all. */
  readonly fence?: bigint | undefined;
  /** How long to wait until it is free of them. */
  readonly waitMs: number;
}

export interface ForceReleased {
  readonly outcome:
    | "vacant"
    /** The holder's sidecar was asked; whether it has read that is not known. */
    | "requested"
    | "released"
    /** From now on only the fence protects. */
    | "broken";
  /** As they were found. */
  readonly holders: readonly HolderView[];
}

export interface HolderView extends Demand {
  readonly holder: string;
  readonly pod: string;
  readonly since: Epoch;
  /** It was lost, and the lock is kept for its sake for as long as the pool's lockDelay says. */
  readonly isLost?: boolean;
  /** Absent for one that waits. */
  readonly fence?: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  /** Callers of its pod that hold it together, of whom this is one; absent: it alone, or each of them is listed. */
  readonly localHolders?: number;
  /** Callers that stand behind this one's sidecar for the same lock. */
  readonly localWaiters: number;
}

/** What the caller of a grant that was lost with its session was told, and may still count on. */
export interface LostGuarantee {
  readonly until: Instant;
  readonly holder: HolderView;
}
