/**
 * The store port: all that `core/` knows of etcd. Two implementations pass one contract suite
 * (test/contract/store.ts): the client in `etcd/`, and the model in `test/support/etcd-model/`.
 *
 * Keys are printable ASCII (names in them are percent-encoded), so a key's order as a string is its order in etcd.
 */
import type { Outcome, Header } from "./outcome.ts";
import type { Instant } from "./runtime.ts";

declare const brand: unique symbol;
export type Revision = bigint & { readonly [brand]: "Revision" };
export type LeaseId = bigint & { readonly [brand]: "LeaseId" };
export type Key = string;

export function revision(value: bigint | number): Revision {
  return BigInt(value) as Revision;
}

export const noRevision = revision(0);

/** To watch from now on: see {@link Store.watch}. */
export const fromNow = noRevision;

export interface KeyValue {
  readonly key: Key;
  readonly value: Uint8Array;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  /** The lease that the key hangs on; undefined: none. */
  readonly lease: LeaseId | undefined;
}

/** One key (`end` absent), or all keys from `key` up to, not including, `end`. */
export interface KeyRange {
  readonly key: Key;
  readonly end?: Key;
}

/** A range to read. Results are in key order: sorting by anything else costs etcd dearly. */
export interface RangeRead extends KeyRange {
  /** At most so many keys; absent: all. */
  readonly limit?: number;
  /** Values are left empty, and leases are not told (etcd 3.7 leaves them out). */
  readonly keysOnly?: boolean;
  /** No keys at all, only `count`. */
  readonly countOnly?: boolean;
}

export interface RangeResult {
  readonly keys: readonly KeyValue[];
  /** How many keys the range holds, whatever the limit. */
  readonly count: number;
}

/** Every key that starts with `prefix`. */
export function prefixRange(prefix: string): { readonly key: Key; readonly end: Key } {
  const last = prefix.length - 1;
  return {
    key: prefix,
    end: prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1),
  };
}

/** True where the key's create (or mod) revision is the one given; revision 0: the key is absent. */
export type Compare =
  | { readonly kind: "created"; readonly key: Key; readonly revision: Revision }
  | { readonly kind: "modified"; readonly key: Key; readonly revision: Revision }
  /** No key of the range exists. */
  | { readonly kind: "empty"; readonly key: Key; readonly end: Key };

/**
 * A compare that many writes share: it is made once a batch. Where it fails nothing of the write happens, and the
 * refusal (`stale`) brings what stands there now.
 */
export type Fact = Compare;

export type Op =
  /** A key that goes with its lease. There is no other way to put one: a put that names no lease detaches the key. */
  | {
      readonly kind: "putEphemeral";
      readonly key: Key;
      readonly value: Uint8Array;
      readonly lease: LeaseId;
    }
  | { readonly kind: "putDurable"; readonly key: Key; readonly value: Uint8Array }
  | { readonly kind: "delete"; readonly key: Key }
  | { readonly kind: "list"; readonly range: RangeRead };

/**
 * One conditional write. The store may join it with others (group commit): it owns the keys that it writes and the
 * ranges that it lists, and every compare sees the state before the batch.
 */
export interface Write {
  /** Shared with other writes; see {@link Fact}. Two facts about one key with unlike revisions never ride together. */
  readonly given: readonly Fact[];
  readonly when: readonly Compare[];
  readonly then: readonly Op[];
  readonly otherwise: readonly Op[];
  /** Travels by itself and waits for no batch: the epoch's write. */
  readonly alone?: boolean;
}

export type OpResult =
  | { readonly kind: "put" }
  | { readonly kind: "deleted"; readonly existed: boolean }
  | { readonly kind: "listed"; readonly result: RangeResult };

export interface WriteResult {
  /** Whether `when` held, and so which part ran. */
  readonly held: boolean;
  /** One for each operation of the part that ran, in order. */
  readonly results: readonly OpResult[];
}

export interface Wait {
  readonly signal: AbortSignal;
  readonly deadline: Instant;
}

export interface Snapshot {
  readonly revision: Revision;
  /** One for each range asked for, in order, all at `revision`. */
  readonly ranges: readonly RangeResult[];
}

export type Changes =
  /** All changes of the range up to `revision`. */
  | { readonly kind: "changes"; readonly events: readonly Change[]; readonly at: Header }
  /** Nothing that the range holds changed up to `revision`, as far as the server that told so knows. */
  | { readonly kind: "progress"; readonly at: Header }
  /** Revisions up to and with `compacted` cannot be told any more: read again. The iteration ends after it. */
  | { readonly kind: "gap"; readonly compacted: Revision };

export type Change =
  | { readonly kind: "put"; readonly now: KeyValue }
  | { readonly kind: "delete"; readonly key: Key; readonly revision: Revision };

export interface LeaseGrant {
  readonly lease: LeaseId;
  readonly ttlMs: number;
  /** When the request was sent: the earliest moment from which the lease can have counted. */
  readonly sentAt: Instant;
}

export type Beat =
  /** An answered keepalive: sent at `sentAt`, the lease counts anew for `ttlMs`. */
  | {
      readonly kind: "alive";
      readonly sentAt: Instant;
      readonly ttlMs: number;
      readonly at: Header;
    }
  /** The server says that there is no such lease. The iteration ends after it. */
  | { readonly kind: "gone" };

export interface Leases {
  /** Retried inside by nobody: a grant whose answer was lost leaves a lease that ends by itself. */
  grant(ttlMs: number, wait: Wait): Promise<Outcome<LeaseGrant>>;
  /**
   * Sends a keepalive now and every `everyMs` after it, to another endpoint when one is not answered within `everyMs`,
   * until `signal` aborts (the iteration then ends) or the lease is gone.
   */
  keepAlive(lease: LeaseId, everyMs: number, signal: AbortSignal): AsyncIterable<Beat>;
  revoke(lease: LeaseId, wait: Wait): Promise<Outcome<"revoked" | "gone">>;
  /** The keys that hang on the lease; undefined: there is no such lease. */
  keys(lease: LeaseId, wait: Wait): Promise<Outcome<readonly Key[] | undefined>>;
}

export interface Store {
  /** Sent at most once (what the client itself may repeat is known not to have been written). Ends by itself. */
  write(write: Write): Promise<Outcome<WriteResult>>;
  /**
   * Linearizable, all ranges at one revision; tried again until `wait` ends: then `unknown` where something was sent,
   * else `refused: notSent`. `atLeast`: an answer below it is not accepted (and tried again).
   */
  read(ranges: readonly RangeRead[], wait: Wait, atLeast?: Revision): Promise<Outcome<Snapshot>>;
  /**
   * All changes of the range from revision `from` on, in order, none twice, over reconnects and servers that fall
   * silent. With {@link fromNow} the first thing told is `progress`, as soon as the server watches: what a read that is sent
   * after that does not show will be told. (To watch from a past revision makes etcd catch up, which may take it 100 ms.)
   * Ends when `signal` aborts, or after a gap. Throws only what nothing can mend (permission denied).
   */
  watch(range: KeyRange, from: Revision, signal: AbortSignal): AsyncIterable<Changes>;
  readonly leases: Leases;
}
