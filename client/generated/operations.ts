/* Made from api/operations by `make generate`. Do not edit. */

/** One caller's hold of a lock. */
export interface Grant {
  /** Names the grant to this sidecar. */
  readonly grantId: string;

  /** Pool and name: orders/42. */
  readonly lock: string;

  /** How the lock is held. */
  readonly mode: "exclusive" | "shared";

  /** How many permits. */
  readonly permits: number;

  /** The fencing token, a decimal number as text: it grows with every exclusive grant of the lock. A shared one lies above every exclusive one before it and below every one after; among shared ones and permits it says nothing. */
  readonly fence: string;

  /** What the grant lives by. */
  readonly hold: "ttl" | "session" | "connection";

  /** How long the grant lives without a renewal. Absent: it has no ttl. */
  readonly ttl?: string;

  /** For how long the sidecar keeps the lock for this caller without a renewal. Absent: until what it lives by ends. */
  readonly expiresIn?: string;

  /** For how long nobody else can be granted the lock, whatever happens to the sidecar. Count it from the sending of the request. */
  readonly guaranteedFor: string;

  /** When it was granted, by the sidecar's wall clock. */
  readonly acquiredAt: string;

  /** Who it is, as the caller said; else the pod. */
  readonly holder: string;
}

/** One caller's hold of several locks: it is renewed and released as one. */
export interface SetGrant {
  /** Names the grant to this sidecar. */
  readonly grantId: string;

  /** Each lock with its fence, as they were asked for. */
  readonly locks: readonly LockOfSet[];

  /** The fencing token, a decimal number as text: it grows with every exclusive grant of the lock. A shared one lies above every exclusive one before it and below every one after; among shared ones and permits it says nothing. */
  readonly fence: string;

  /** What the grant lives by. */
  readonly hold: "ttl" | "session" | "connection";

  /** How long the grant lives without a renewal. Absent: it has no ttl. */
  readonly ttl?: string;

  /** For how long the sidecar keeps the lock for this caller without a renewal. Absent: until what it lives by ends. */
  readonly expiresIn?: string;

  /** For how long nobody else can be granted the lock, whatever happens to the sidecar. Count it from the sending of the request. */
  readonly guaranteedFor: string;

  /** When it was granted, by the sidecar's wall clock. */
  readonly acquiredAt: string;

  /** Who it is, as the caller said; else the pod. */
  readonly holder: string;
}

/** One lock of a set, as it is held. */
export interface LockOfSet {
  /** Pool and name: orders/42. */
  readonly lock: string;

  /** How the lock is held. */
  readonly mode: "exclusive" | "shared";

  /** How many permits. */
  readonly permits: number;

  /** The fencing token, a decimal number as text: it grows with every exclusive grant of the lock. A shared one lies above every exclusive one before it and below every one after; among shared ones and permits it says nothing. */
  readonly fence: string;
}

/** A grant of one lock, or of a set: that one has locks in place of lock, mode and permits. */
export interface AnyGrant {
  /** Names the grant to this sidecar. */
  readonly grantId: string;

  /** Pool and name: orders/42. */
  readonly lock?: string;

  /** How the lock is held. */
  readonly mode?: "exclusive" | "shared";

  /** How many permits. */
  readonly permits?: number;

  /** Each lock with its fence, as they were asked for. */
  readonly locks?: readonly LockOfSet[];

  /** The fencing token, a decimal number as text: it grows with every exclusive grant of the lock. A shared one lies above every exclusive one before it and below every one after; among shared ones and permits it says nothing. */
  readonly fence: string;

  /** What the grant lives by. */
  readonly hold: "ttl" | "session" | "connection";

  /** How long the grant lives without a renewal. Absent: it has no ttl. */
  readonly ttl?: string;

  /** For how long the sidecar keeps the lock for this caller without a renewal. Absent: until what it lives by ends. */
  readonly expiresIn?: string;

  /** For how long nobody else can be granted the lock, whatever happens to the sidecar. Count it from the sending of the request. */
  readonly guaranteedFor: string;

  /** When it was granted, by the sidecar's wall clock. */
  readonly acquiredAt: string;

  /** Who it is, as the caller said; else the pod. */
  readonly holder: string;
}

/** What was released. */
export interface Released {
  /** How many grants. */
  readonly released: number;
}

/** Who holds a lock and who waits for it, in order. */
export interface Lock {
  /** Pool and name: orders/42. */
  readonly lock: string;

  /** Empty: nobody holds it. It is free unless `lost`, `reserved` or `idle` tells otherwise. */
  readonly holders: readonly Holder[];

  /** The next one first. */
  readonly waiters: readonly Waiter[];

  /** Sets whose turn has come here, and who wait for other locks: nobody else can have this one meanwhile. Absent: none. */
  readonly reserved?: readonly Waiter[];

  /** Pods that keep the lock though nobody there uses it (spec.stickyFor): each gives it up when somebody asks. Absent: none does. */
  readonly idle?: readonly Waiter[];

  /** Holders that were lost, and for whose sake the next waits (spec.lockDelay). Absent: none, or the delay is over. */
  readonly lost?: readonly LostHolder[];
}

/** One that holds the lock. */
export interface Holder {
  /** Who it is, as the caller said; else the pod. */
  readonly holder: string;

  /** The pod whose sidecar it asked. */
  readonly pod: string;

  /** How the lock is held. */
  readonly mode: "exclusive" | "shared";

  /** How many permits. */
  readonly permits: number;

  /** When it was granted. */
  readonly since: string;

  /** The fencing token, a decimal number as text: it grows with every exclusive grant of the lock. A shared one lies above every exclusive one before it and below every one after; among shared ones and permits it says nothing. */
  readonly fence: string;

  /** As the caller gave it. */
  readonly metadata?: Readonly<Record<string, string>>;

  /** How many readers of its pod hold the lock together, of whom this is one, as last told. Absent: it alone. (The sidecar of that pod lists each.) */
  readonly localHolders?: number;

  /** How many callers wait behind it in its own pod, as last told. */
  readonly localWaiters: number;
}

/** One that waits. Callers behind another sidecar stand behind one place. */
export interface Waiter {
  /** Who it is, as the caller said; else the pod. */
  readonly holder: string;

  /** The pod whose sidecar it asked. */
  readonly pod: string;

  /** How the lock is held. */
  readonly mode: "exclusive" | "shared";

  /** How many permits. */
  readonly permits: number;

  /** Since when it waits. */
  readonly since: string;

  /** As the caller gave it. */
  readonly metadata?: Readonly<Record<string, string>>;

  /** How many more callers wait behind it in its own pod, as last told. */
  readonly localWaiters: number;
}

/** One that held the lock and was lost, whose place is kept for the pool's lockDelay: as it was written when that place was first granted on. Of callers of one pod who then passed the lock on among themselves it names the first. */
export interface LostHolder {
  /** Who it is, as the caller said; else the pod. */
  readonly holder: string;

  /** The pod whose sidecar it asked. */
  readonly pod: string;

  /** How the lock is held. */
  readonly mode: "exclusive" | "shared";

  /** How many permits. */
  readonly permits: number;

  /** When it was granted. */
  readonly since: string;

  /** The fencing token, a decimal number as text: it grows with every exclusive grant of the lock. A shared one lies above every exclusive one before it and below every one after; among shared ones and permits it says nothing. */
  readonly fence: string;

  /** As the caller gave it. */
  readonly metadata?: Readonly<Record<string, string>>;

  /** How many readers of its pod hold the lock together, of whom this is one, as last told. Absent: it alone. (The sidecar of that pod lists each.) */
  readonly localHolders?: number;

  /** How many callers wait behind it in its own pod, as last told. */
  readonly localWaiters: number;

  /** Until when this sidecar grants the lock to nobody whom that one would have kept out. Each sidecar counts the delay from when it first saw the loss, so another may be a little earlier or later. */
  readonly until: string;
}

/** The locks of a pool that are held or waited for, or kept for a holder that was lost, in the order of their names. */
export interface LockPool {
  /** The DistributedLock. */
  readonly pool: string;

  /** Of the whole pool, whatever the prefix. */
  readonly totals: LockTotals;

  /** This page. */
  readonly locks: readonly Lock[];

  /** Give it with the next request to read on. Absent: this was the last page. */
  readonly continue?: string;
}

/** Of the whole pool, whatever the prefix. */
export interface LockTotals {
  /** Locks that are in use, as this tells them. */
  readonly names: number;

  /** Grants that are held; of a Mutex, as many as locks. */
  readonly held: number;

  /** Callers that wait. */
  readonly waiting: number;

  /** Absent: nobody waits. */
  readonly oldestWaitSince?: string;
}

/** All circles of owners in the namespace, as they stood at one moment. */
export interface Deadlocks {
  /** Empty: none. */
  readonly deadlocks: readonly Deadlock[];
}

/** Owners who wait for each other: none of these waits can be over by itself. */
export interface Deadlock {
  /** First come first; of more than 10,000 waits in all circles the first. */
  readonly waits: readonly DeadlockWait[];
}

/** One wait in a circle. */
export interface DeadlockWait {
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
}

/** What became of a forced release. */
export interface ForceReleased {
  /** Pool and name: orders/42. */
  readonly lock: string;

  /** What happened. */
  readonly outcome: "vacant" | "requested" | "released" | "broken";

  /** Who held the lock. Empty with `broken`: a set had reserved it, and was not known to be granted it. */
  readonly holders: readonly Holder[];

  /** With `broken`: what protects now. */
  readonly warning?: string;
}

/** Method and path of each operation; `fieldsIn`: where all else stands. */
export const operations = {
  /** Takes a lock, waiting for it at most so long. Callers are served in the order in which they came. */
  acquireLock: { method: "POST", path: "/v1/locks/{pool}/{name}/acquire", fieldsIn: "body" },

  /** Takes several locks, all or none, also of several pools, waiting for them at most so long. Whatever order callers name them in, sets never wait for each other in a circle. */
  acquireLockSet: { method: "POST", path: "/v1/lock-sets/acquire", fieldsIn: "body" },

  /** Tells how a grant stands. Starts the count of guaranteedFor anew. */
  getGrant: { method: "GET", path: "/v1/grants/{grantId}", fieldsIn: "query" },

  /** Starts the grant's ttl anew. */
  renewGrant: { method: "POST", path: "/v1/grants/{grantId}/renew", fieldsIn: "body" },

  /** Gives the lock back. Repeated within a minute it is answered the same. */
  releaseGrant: { method: "DELETE", path: "/v1/grants/{grantId}", fieldsIn: "query" },

  /** Gives back all that a holder of this name took through this sidecar in an earlier life. What it lost, of pools with `onLoss: Unready`, keeps the pod unready no longer. */
  releaseHolder: { method: "DELETE", path: "/v1/grants", fieldsIn: "query" },

  /** Tells who holds a lock and who waits for it; and, while a lockDelay keeps it from them, who was lost and until when. */
  getLock: { method: "GET", path: "/v1/locks/{pool}/{name}", fieldsIn: "query" },

  /** Tells which locks of a pool are held or waited for, page by page, and the pool's totals. */
  listLocks: { method: "GET", path: "/v1/locks/{pool}", fieldsIn: "query" },

  /** Tells which owners wait for each other in circles, of all pods of the namespace. Only requests that name an owner are in one. */
  listDeadlocks: { method: "GET", path: "/v1/deadlocks", fieldsIn: "query" },

  /** Tells who holds a lock, as a stream: first as it is, then each change. That is what followers of a leader need. */
  watchLock: { method: "GET", path: "/v1/locks/{pool}/{name}/events", fieldsIn: "query" },

  /** Takes a lock from its holder: asks for it, and ends the grant after a grace. For pods that the pool's `admin` lets. */
  forceRelease: { method: "POST", path: "/v1/locks/{pool}/{name}/force-release", fieldsIn: "body" },
} as const;

export type OperationId = keyof typeof operations;

/** What each operation takes and is answered with. */
export interface Operations {
  acquireLock: {
    readonly path: {
      /** The DistributedLock that the lock belongs to. */
      readonly pool: string;

      /** The lock, percent-encoded: any UTF-8 of 1 to 512 bytes without control characters. */
      readonly name: string;
    };
    readonly fields: {
      /** How to hold the lock. Shared: only of a pool with mode ReadWrite. Default: exclusive. */
      readonly mode?: "exclusive" | "shared";

      /** How many permits to take, all or none. More than one: only of a pool with mode Semaphore. Default: 1. */
      readonly permits?: number;

      /** How long to wait for the lock. 0s: only try. Bounded by the pool's limits.wait. Default: 0s. */
      readonly wait?: string;

      /** How long the grant lives without a renewal. Absent: the pool's ttl. Bounded by the pool's maxTtl. */
      readonly ttl?: string;

      /** What the grant lives by. Default: ttl. */
      readonly hold?: "ttl" | "session" | "connection";

      /** Makes the request repeatable: the same id from the same pod is answered with the same grant while it lives, and 409 grant_lost for a minute after (for less where more than a thousand such grants a second end in one pod). */
      readonly requestId?: string;

      /** Who holds the lock, for people who look. Absent: the pod's name. */
      readonly holder?: string;

      /** On whose behalf: of owners who wait for each other in a circle the sidecar tells, and may end one (the pool's onDeadlock). Absent: it takes part in none. */
      readonly owner?: string;

      /** Shown to observers. Bounded by the pool's limits.metadataBytes. */
      readonly metadata?: Readonly<Record<string, string>>;
    };
    readonly answer: Grant;
  };
  acquireLockSet: {
    readonly path: {};
    readonly fields: {
      /** The locks, each once. */
      readonly locks: readonly {
        /** The DistributedLock that the lock belongs to. */
        readonly pool: string;

        /** The lock: any UTF-8 of 1 to 512 bytes without control characters. */
        readonly name: string;

        /** How to hold the lock. Shared: only of a pool with mode ReadWrite. Default: exclusive. */
        readonly mode?: "exclusive" | "shared";

        /** How many permits to take, all or none. More than one: only of a pool with mode Semaphore. Default: 1. */
        readonly permits?: number;
      }[];

      /** How long to wait for the lock. 0s: only try. Bounded by the pool's limits.wait. Default: 0s. */
      readonly wait?: string;

      /** How long the grant lives without a renewal. Absent: the pool's ttl. Bounded by the pool's maxTtl. */
      readonly ttl?: string;

      /** What the grant lives by. Default: ttl. */
      readonly hold?: "ttl" | "session" | "connection";

      /** Makes the request repeatable: the same id from the same pod is answered with the same grant while it lives, and 409 grant_lost for a minute after (for less where more than a thousand such grants a second end in one pod). */
      readonly requestId?: string;

      /** Who holds the lock, for people who look. Absent: the pod's name. */
      readonly holder?: string;

      /** On whose behalf: of owners who wait for each other in a circle the sidecar tells, and may end one (the pool's onDeadlock). Absent: it takes part in none. */
      readonly owner?: string;

      /** Shown to observers. Bounded by the pool's limits.metadataBytes. */
      readonly metadata?: Readonly<Record<string, string>>;
    };
    readonly answer: SetGrant;
  };
  getGrant: {
    readonly path: {
      /** As the acquire was answered with. */
      readonly grantId: string;
    };
    readonly fields: {};
    readonly answer: AnyGrant;
  };
  renewGrant: {
    readonly path: {
      /** As the acquire was answered with. */
      readonly grantId: string;
    };
    readonly fields: {
      /** From now on. Absent: the grant's ttl as it is. */
      readonly ttl?: string;
    };
    readonly answer: AnyGrant;
  };
  releaseGrant: {
    readonly path: {
      /** As the acquire was answered with. */
      readonly grantId: string;
    };
    readonly fields: {};
    readonly answer: undefined;
  };
  releaseHolder: {
    readonly path: {};
    readonly fields: {
      /** The holder that the grants were acquired with. */
      readonly holder: string;
    };
    readonly answer: Released;
  };
  getLock: {
    readonly path: {
      /** The DistributedLock that the lock belongs to. */
      readonly pool: string;

      /** The lock, percent-encoded: any UTF-8 of 1 to 512 bytes without control characters. */
      readonly name: string;
    };
    readonly fields: {};
    readonly answer: Lock;
  };
  listLocks: {
    readonly path: {
      /** The DistributedLock that the lock belongs to. */
      readonly pool: string;
    };
    readonly fields: {
      /** Only locks whose name starts so. */
      readonly prefix?: string;

      /** Locks a page. Default: 100. */
      readonly limit?: number;

      /** As the page before was answered with. */
      readonly continue?: string;
    };
    readonly answer: LockPool;
  };
  listDeadlocks: {
    readonly path: {};
    readonly fields: {};
    readonly answer: Deadlocks;
  };
  watchLock: {
    readonly path: {
      /** The DistributedLock that the lock belongs to. */
      readonly pool: string;

      /** The lock, percent-encoded: any UTF-8 of 1 to 512 bytes without control characters. */
      readonly name: string;
    };
    readonly fields: {};
    readonly answer: undefined;
  };
  forceRelease: {
    readonly path: {
      /** The DistributedLock that the lock belongs to. */
      readonly pool: string;

      /** The lock, percent-encoded: any UTF-8 of 1 to 512 bytes without control characters. */
      readonly name: string;
    };
    readonly fields: {
      /** How long the holder has to release the lock by itself. Default: 0s. */
      readonly grace?: string;

      /** Only the holder with this fence. Absent: whoever holds the lock. */
      readonly fence?: string;

      /** How long to wait for the lock to be free of that holder, before this is answered. Default: 0s. */
      readonly wait?: string;

      /** Deletes the holder's place, or the one by which a set reserves the lock, at once, whatever was guaranteed to it: two may then believe that they hold the lock, and only the fence protects. For a sidecar that does not answer, where the end of its session cannot be waited for. Default: false. */
      readonly breakGuarantee?: boolean;
    };
    readonly answer: ForceReleased;
  };
}
