/**
 * An etcd in memory: one linearizable server, as its clients see a healthy cluster. Every call takes effect and is
 * answered at once; what lies between client and server (time, loss, silence) is the {@link file://./link.ts link}'s.
 *
 * It runs as a process of the world: its leases count on that process's clock, and it can be paused.
 */
import { done, refused, type Done, type Header, type Refused } from "#core/outcome.ts";
import {
  revision,
  type Change,
  type Key,
  type KeyRange,
  type KeyValue,
  type LeaseId,
  type RangeRead,
  type Revision,
  type Snapshot,
} from "#core/store.ts";
import type { Bounds, Chance } from "../world/chance.ts";
import type { VirtualRuntime } from "../world/virtual-runtime.ts";
import { History, noPast, type Past, type Told, type Watching } from "./history.ts";
import { KeySpace } from "./key-space.ts";
import { LeaseTable, type KeptLease } from "./lease-table.ts";
import { Quota } from "./quota.ts";
import {
  costBytes,
  faultOf,
  putCostBytes,
  type RequestAnswer,
  type Txn,
  type TxnAnswer,
  type TxnRequest,
} from "./txn.ts";

/** The server knows what it did: it never answers "unknown". */
export type Answer<T> = Done<T> | Refused;

export interface ModelOptions {
  readonly runtime: VirtualRuntime;
  /** How long after a lease's end it is let go. etcd's lessor looks twice a second. */
  readonly expiryLateMs?: Bounds;
  /** Absent: no quota. */
  readonly quotaBytes?: number;
}

/** All that a snapshot file holds. */
export interface ModelSnapshot {
  readonly past: Past;
  readonly keys: KeySpace;
  readonly leases: readonly KeptLease[];
}

interface Grant {
  readonly lease: LeaseId;
  readonly ttlMs: number;
}

const defaultLateMs: Bounds = { min: 0, max: 500 };
const leaseCostBytes = 64;

export class EtcdModel {
  readonly runtime: VirtualRuntime;
  readonly quota: Quota;
  readonly #chance: Chance;
  readonly #leases: LeaseTable;
  #cluster: string;
  #incarnation = 1;
  #lineage = 1;
  #keys = new KeySpace();
  #revision = revision(1);
  #history: History;

  constructor({ runtime, expiryLateMs, quotaBytes }: ModelOptions) {
    this.runtime = runtime;
    this.quota = new Quota(quotaBytes ?? Number.POSITIVE_INFINITY);
    this.#chance = runtime.world.chanceFor(`etcd/${runtime.name}`);
    this.#cluster = this.#newCluster();
    this.#history = new History(this.#cluster, noPast(this.#revision));
    this.#leases = new LeaseTable({
      runtime,
      chance: this.#chance,
      expiryLateMs: expiryLateMs ?? defaultLateMs,
      expire: (lease) => this.#removeLease(lease),
    });
  }

  get header(): Header {
    return { cluster: this.#cluster, revision: this.#revision };
  }

  /** Grows with every restart: connections of an earlier one are gone. */
  get incarnation(): number {
    return this.#incarnation;
  }

  /** Grows when data is lost: what lay in the log before will never take effect. */
  get lineage(): number {
    return this.#lineage;
  }

  /** For assertions of tests: the keys as they stand. */
  get keys(): KeySpace {
    return this.#keys;
  }

  /** For assertions of tests: how long the lease lives yet if nobody renews it, on the server's clock. */
  leaseLeftMs(lease: LeaseId): number | undefined {
    const endsAt = this.#leases.endsAt(lease);
    return endsAt === undefined ? undefined : endsAt - this.runtime.now();
  }

  /** For assertions of tests: the leases that live. */
  get leases(): readonly LeaseId[] {
    return this.#leases.kept().map(({ id }) => id);
  }

  /** For assertions of tests: how many watches are open. */
  get watchers(): number {
    return this.#history.watchers;
  }

  txn(txn: Txn): Answer<TxnAnswer> {
    const fault = faultOf(txn);
    if (fault !== undefined) return refused({ code: "invalidArgument", message: fault });
    if (!this.quota.admits(costBytes(txn))) return noSpace();
    // Every compare, at any depth, sees the state before the request; so the way through it is known before a write.
    const way = this.#wayThrough(txn);
    if (!this.#leasesOf(way)) {
      return refused({ code: "leaseNotFound", message: "etcdserver: requested lease not found" });
    }
    const at = revision(this.#revision + 1n);
    const changes: Change[] = [];
    const answer = this.#follow(way, at, changes);
    this.#commit(at, changes);
    return done(answer, this.header);
  }

  read(ranges: readonly RangeRead[]): Answer<Snapshot> {
    if (ranges.some((range) => range.key === "")) {
      return refused({ code: "invalidArgument", message: "etcdserver: key is not provided" });
    }
    const results = ranges.map((range) => this.#keys.read(range));
    return done({ revision: this.#revision, ranges: results }, this.header);
  }

  watch(range: KeyRange, from: Revision, tell: (told: Told) => void): Watching {
    return this.#history.watch(range, from, tell);
  }

  grant(ttlMs: number): Answer<Grant> {
    if (!this.quota.admits(leaseCostBytes)) return noSpace();
    const { id, ttlMs: grantedMs } = this.#leases.grant(ttlMs);
    return done({ lease: id, ttlMs: grantedMs }, this.header);
  }

  /** The time to live that begins now; undefined: gone. An ended lease is answered for when it is let go. */
  renew(lease: LeaseId, answer: (answer: Done<number | undefined>) => void): void {
    this.#leases.renew(lease, (ttlMs) => answer(done(ttlMs, this.header)));
  }

  revoke(lease: LeaseId): Answer<"revoked" | "gone"> {
    if (!this.#leases.has(lease)) return done("gone", this.header);
    this.#removeLease(lease);
    return done("revoked", this.header);
  }

  keysOf(lease: LeaseId): Answer<readonly Key[] | undefined> {
    return done(this.#leases.keys(lease), this.header);
  }

  compact(at: Revision): void {
    if (at <= this.#history.compacted || at > this.#revision) {
      throw new RangeError(`cannot compact at ${String(at)}: it is compacted, or in the future`);
    }
    this.#history.compact(at);
    let inUseBytes = 0;
    for (const { key, value } of this.#keys.all()) inUseBytes += putCostBytes(key, value);
    this.quota.compacted(inUseBytes);
  }

  snapshot(): ModelSnapshot {
    return {
      past: this.#history.past(),
      keys: new KeySpace(this.#keys),
      leases: this.#leases.kept(),
    };
  }

  /** The server dies and comes back with all it had: connections are gone, leases count anew. */
  restart(): void {
    this.#incarnation++;
    this.#leases.restore(this.#leases.kept());
    this.#history.dropWatches();
  }

  /** A snapshot is restored: revisions go back. `sameCluster`: with the cluster's id, as a wiped member can have. */
  restore(snapshot: ModelSnapshot, sameCluster = false): void {
    this.#beginAnew(snapshot, sameCluster);
  }

  /** The data is lost. */
  wipe(sameCluster = false): void {
    this.#beginAnew({ past: noPast(revision(1)), keys: new KeySpace(), leases: [] }, sameCluster);
  }

  #beginAnew(snapshot: ModelSnapshot, sameCluster: boolean): void {
    this.#incarnation++;
    this.#lineage++;
    this.#history.dropWatches();
    if (!sameCluster) this.#cluster = this.#newCluster();
    this.#keys = new KeySpace(snapshot.keys);
    this.#revision = snapshot.past.current;
    this.#history = new History(this.#cluster, snapshot.past);
    this.#leases.restore(snapshot.leases);
  }

  #newCluster(): string {
    return BigInt(`0x${this.#chance.hex(8)}`).toString();
  }

  #wayThrough(txn: Txn): Way {
    const held = txn.compares.every((compare) => this.#keys.holds(compare));
    const requests = held ? txn.then : txn.otherwise;
    return {
      held,
      steps: requests.map((request) =>
        request.kind === "txn" ? { kind: "way", way: this.#wayThrough(request.txn) } : request,
      ),
    };
  }

  /** Whether every lease that a put on the way names is there; puts of parts that do not run are not asked. */
  #leasesOf(way: Way): boolean {
    return way.steps.every((step) => {
      if (step.kind === "way") return this.#leasesOf(step.way);
      return step.kind !== "put" || step.lease === undefined || this.#leases.has(step.lease);
    });
  }

  #follow(way: Way, at: Revision, changes: Change[]): TxnAnswer {
    const answers = way.steps.map((step): RequestAnswer => {
      switch (step.kind) {
        case "put":
          this.#put(step, at, changes);
          return { kind: "put" };
        case "delete":
          return { kind: "deleted", keys: this.#delete(step, at, changes) };
        case "range":
          return { kind: "ranged", result: this.#keys.read(step.range) };
        case "way":
          return { kind: "txn", answer: this.#follow(step.way, at, changes) };
        default:
          return step satisfies never;
      }
    });
    return { held: way.held, answers };
  }

  #put(put: PutRequest, at: Revision, changes: Change[]): void {
    const { key, value, lease } = put;
    const before = this.#keys.get(key);
    this.#leases.detach(before?.lease, key);
    if (lease !== undefined) this.#leases.attach(lease, key);
    const now: KeyValue = {
      key,
      value,
      createRevision: before?.createRevision ?? at,
      modRevision: at,
      lease,
    };
    this.#keys.put(now);
    this.quota.written(putCostBytes(key, value));
    changes.push({ kind: "put", now });
  }

  #delete(range: KeyRange, at: Revision, changes: Change[]): readonly KeyValue[] {
    const gone = this.#keys.within(range);
    for (const { key, lease } of gone) {
      this.#keys.delete(key);
      this.#leases.detach(lease, key);
      changes.push({ kind: "delete", key, revision: at });
    }
    return gone;
  }

  /** One revision for a request that changed something, none for one that did not. */
  #commit(at: Revision, changes: readonly Change[]): void {
    if (changes.length === 0) return;
    this.#revision = at;
    this.#history.record(at, changes);
  }

  #removeLease(lease: LeaseId): void {
    const at = revision(this.#revision + 1n);
    const changes: Change[] = [];
    for (const key of this.#leases.keys(lease) ?? []) this.#delete({ key }, at, changes);
    this.#leases.remove(lease);
    this.#commit(at, changes);
  }
}

type PutRequest = Extract<TxnRequest, { kind: "put" }>;

/** Which part of each transaction runs. */
interface Way {
  readonly held: boolean;
  readonly steps: readonly (
    Exclude<TxnRequest, { kind: "txn" }> | { readonly kind: "way"; readonly way: Way }
  )[];
}

function noSpace(): Refused {
  return refused({ code: "noSpace", message: "etcdserver: mvcc: database space exceeded" });
}
