/**
 * Leases on the server's clock. One ends at its time to live, and is let go up to half a second later, when etcd's
 * lessor looks again; a keepalive in between is answered when the end is through.
 */
import { after, type Instant, type Runtime, type Timer } from "#core/runtime.ts";
import type { Key, LeaseId } from "#core/store.ts";
import type { Bounds, Chance } from "../world/chance.ts";

/** The least etcd grants with its default election timeout. */
const ttlMinMs = 2_000;

interface Lease {
  readonly id: LeaseId;
  readonly ttlMs: number;
  readonly keys: Set<Key>;
  endsAt: Instant;
  timer: Timer | undefined;
  /** Keepalives that came between its end and its removal. */
  readonly late: (() => void)[];
}

export interface KeptLease {
  readonly id: LeaseId;
  readonly ttlMs: number;
  readonly keys: readonly Key[];
}

export interface LeaseTableParts {
  readonly runtime: Runtime;
  readonly chance: Chance;
  readonly expiryLateMs: Bounds;
  /** A lease is to go: its keys are to be deleted, and then {@link LeaseTable.remove} to be called. */
  readonly expire: (lease: LeaseId) => void;
}

export class LeaseTable {
  readonly #parts: LeaseTableParts;
  readonly #leases = new Map<LeaseId, Lease>();

  constructor(parts: LeaseTableParts) {
    this.#parts = parts;
  }

  grant(ttlMs: number): KeptLease {
    let id: LeaseId;
    do id = BigInt(`0x${this.#parts.chance.hex(7)}`) as LeaseId;
    while (id === 0n || this.#leases.has(id));
    const wholeMs = Math.max(ttlMinMs, Math.ceil(ttlMs / 1_000) * 1_000);
    return this.#add(id, wholeMs, []);
  }

  has(id: LeaseId): boolean {
    return this.#leases.has(id);
  }

  /** When it ends if nobody renews it, on the server's clock; undefined: there is no such lease. */
  endsAt(id: LeaseId): Instant | undefined {
    return this.#leases.get(id)?.endsAt;
  }

  keys(id: LeaseId): readonly Key[] | undefined {
    const lease = this.#leases.get(id);
    return lease === undefined ? undefined : [...lease.keys].sort();
  }

  attach(id: LeaseId, key: Key): void {
    this.#leases.get(id)?.keys.add(key);
  }

  detach(id: LeaseId | undefined, key: Key): void {
    if (id !== undefined) this.#leases.get(id)?.keys.delete(key);
  }

  /** Answers with the time to live that begins now; undefined: there is no such lease (any more). */
  renew(id: LeaseId, answer: (ttlMs: number | undefined) => void): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) answer(undefined);
    else if (this.#parts.runtime.now() >= lease.endsAt) lease.late.push(() => answer(undefined));
    else {
      this.#begin(lease);
      answer(lease.ttlMs);
    }
  }

  remove(id: LeaseId): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    lease.timer?.cancel();
    this.#leases.delete(id);
    for (const answer of lease.late) answer();
  }

  kept(): readonly KeptLease[] {
    return [...this.#leases.values()].map(({ id, ttlMs, keys }) => ({
      id,
      ttlMs,
      keys: [...keys],
    }));
  }

  /** A new leader counts every lease anew: a time to live is a lower bound for the end, never an upper one. */
  restore(leases: readonly KeptLease[]): void {
    this.clear();
    for (const { id, ttlMs, keys } of leases) this.#add(id, ttlMs, keys);
  }

  clear(): void {
    for (const lease of this.#leases.values()) lease.timer?.cancel();
    this.#leases.clear();
  }

  #add(id: LeaseId, ttlMs: number, keys: readonly Key[]): KeptLease {
    const lease: Lease = {
      id,
      ttlMs,
      keys: new Set(keys),
      endsAt: this.#parts.runtime.now(),
      timer: undefined,
      late: [],
    };
    this.#leases.set(id, lease);
    this.#begin(lease);
    return { id, ttlMs, keys };
  }

  #begin(lease: Lease): void {
    const { runtime, chance, expiryLateMs, expire } = this.#parts;
    lease.timer?.cancel();
    lease.endsAt = after(runtime.now(), lease.ttlMs);
    const goneAt = after(lease.endsAt, chance.between(expiryLateMs));
    lease.timer = runtime.timer(goneAt, () => expire(lease.id));
  }
}
