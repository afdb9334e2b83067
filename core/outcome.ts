/**
 * What can become of anything that was sent to the store. There is no fourth way: what is neither known
 * to have happened nor known not to have happened is `unknown`, and is settled by the session (session/epoch.ts),
 * never by trying again and never by a read alone.
 */
import type { Fact, Key, KeyValue, Revision } from "./store.ts";

/** Where an answer stood: the cluster that gave it, and that cluster's revision as the answer was made. */
export interface Header {
  readonly cluster: string;
  readonly revision: Revision;
}

export type Outcome<T> = Done<T> | Refused | Unknown;

export interface Done<T> {
  readonly kind: "done";
  readonly value: T;
  readonly at: Header;
}

/** The server said no, or nothing was ever sent: nothing was written. */
export interface Refused {
  readonly kind: "refused";
  readonly reason: StoreRefusal;
}

/** Sent, no answer that decides: it may be written, now or later. */
export interface Unknown {
  readonly kind: "unknown";
  readonly reason: StoreSilence;
}

/** The closed list of ways in which the store says no. */
export type StoreRefusal =
  /** Facts of the write no longer hold; each comes with what stands there now (undefined: nothing). */
  | { readonly code: "stale"; readonly facts: readonly StaleFact[]; readonly at: Header }
  | { readonly code: "leaseNotFound"; readonly message: string }
  | { readonly code: "compacted"; readonly message: string }
  | { readonly code: "invalidArgument"; readonly message: string }
  | { readonly code: "permissionDenied"; readonly message: string }
  | { readonly code: "unauthenticated"; readonly message: string }
  /** etcd is behind with applying (`too many requests`). */
  | { readonly code: "overloaded"; readonly message: string }
  /** etcd's quota is used up (`database space exceeded`). */
  | { readonly code: "noSpace"; readonly message: string }
  /** Never written to a socket: no endpoint was reachable. */
  | { readonly code: "notSent"; readonly message: string }
  /** Our own queue of waiting writes is at its bound. */
  | { readonly code: "queueFull"; readonly message: string };

export interface StaleFact {
  readonly fact: Fact;
  readonly key: Key;
  readonly now: KeyValue | undefined;
}

export interface StoreSilence {
  readonly code: "noAnswer" | "unavailable" | "cancelled" | "deadline";
  readonly message: string;
}

export function done<T>(value: T, at: Header): Done<T> {
  return { kind: "done", value, at };
}

export function refused(reason: StoreRefusal): Refused {
  return { kind: "refused", reason };
}

export function unknown(reason: StoreSilence): Unknown {
  return { kind: "unknown", reason };
}
