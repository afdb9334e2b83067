/**
 * Everything that etcd committed, as it happened, seen past all links; and what of it must never be: a contender without a
 * lease, two of one lock at one revision, one that is made while nothing may be granted.
 */
import { handoversMax } from "#core/lock/fence.ts";
import { contenderNameOf } from "#core/lock/keys.ts";
import { readContender } from "#core/lock/contender.ts";
import { holders, inOrder, type Sharing } from "#core/lock/order.ts";
import { anewKey, dataRoot } from "#core/session/keys.ts";
import { installationKey, recordNameOf, specTree } from "#core/spec/keys.ts";
import { readInstallation, readRecord } from "#core/spec/records.ts";
import {
  prefixRange,
  revision,
  type Change,
  type Key,
  type KeyRange,
  type KeyValue,
} from "#core/store.ts";
import type { Watching } from "#test/support/etcd-model/history.ts";
import type { EtcdModel } from "#test/support/etcd-model/server.ts";
import type { History, PlaceMade } from "./history.ts";

export interface Commit {
  readonly atMs: number;
  readonly changes: readonly Change[];
}

const everything = prefixRange("/");
/** What clients write under their grants: one key a lock, the id of the latest write in it. */
export const guardedRoot = "/guarded/";

/** A contender by its key and its create revision: keys are made again. */
export function contenderIn({
  key,
  createRevision,
}: Pick<KeyValue, "key" | "createRevision">): string {
  return `${key}@${String(createRevision)}`;
}

/** Of what {@link contenderIn} gave. */
export function keyIn(contender: string): Key {
  return contender.slice(0, contender.lastIndexOf("@"));
}

export class EtcdRecord {
  readonly commits: Commit[] = [];
  readonly #server: EtcdModel;
  readonly #history: History;
  readonly #locksRoot: string;
  readonly #namespace: string;
  /** The contenders that stand. */
  readonly #standing = new Map<Key, { readonly place: PlaceMade; readonly contender: string }>();
  /** By what {@link contenderIn} calls them. */
  readonly everMade: Map<string, KeyValue> = new Map<string, KeyValue>();
  /** When which of them went. */
  readonly #goneMs = new Map<string, number>();
  /** Every fence base that ever was in force, and since when. */
  readonly #bases = new Map<bigint, number>();
  /** How many permits each pool had, and since when. */
  readonly #permits = new Map<string, { readonly atMs: number; readonly permits: number }[]>();
  /** As the pools' records are. */
  readonly #sharing = new Map<string, Sharing>();
  /** Since when which contender may hold, by what {@link contenderIn} calls them. */
  readonly #mayHoldMs = new Map<string, number>();
  readonly #lastMade = new Map<string, bigint>();
  #watching: Watching | undefined;

  constructor(server: EtcdModel, history: History, namespace: string) {
    this.#server = server;
    this.#history = history;
    this.#namespace = namespace;
    this.#locksRoot = `${dataRoot(namespace)}locks/`;
    this.follow();
  }

  /** To be called after the server let go of its watches. */
  follow(): void {
    this.#watching?.cancel();
    const from = revision(this.#server.header.revision + 1n);
    this.#watching = this.#server.watch(everything, from, (told) => {
      if (told.kind === "changes") this.#commit(told.events);
    });
  }

  /** Revisions begin anew: what stands is to be taken as it is. */
  begunAnew(): void {
    this.#lastMade.clear();
    for (const key of [...this.#standing.keys()])
      if (this.#server.keys.get(key) === undefined) this.#gone(key);
    const { nowMs } = this.#server.runtime.world;
    for (const kv of this.#server.keys.within(specTree)) this.#putRecord(kv, nowMs);
    this.follow();
  }

  madeMs(contender: Key): number | undefined {
    return this.#standing.get(contender)?.place.madeMs;
  }

  /**
   * The contender in `queue` that a session's grant was made on: of one session there may be two, and the fence tells which.
   * Bases may differ by less than revisions do, so one that went before a base came can not have been granted with it, and of
   * several it is the one that stands.
   */
  madeFor({ session, fence }: { session: string; fence: bigint }, queue: KeyRange): string {
    const made = fence / BigInt(handoversMax + 1);
    let went: string | undefined;
    for (const [contender, { key, createRevision }] of this.everMade) {
      const isItsOwn = key.startsWith(`${queue.key}${session}-`);
      const baseMs = this.#bases.get(made - createRevision) ?? Infinity;
      if (!isItsOwn || baseMs >= (this.#goneMs.get(contender) ?? Infinity)) continue;
      if (this.#standing.get(key)?.contender === contender) return contender;
      went ??= contender;
    }
    return went ?? `none of ${session}`;
  }

  #commit(changes: readonly Change[]): void {
    const atMs = this.#server.runtime.world.nowMs;
    this.commits.push({ atMs, changes });
    for (const change of changes) {
      if (change.kind === "delete") this.#gone(change.key);
      else if (change.now.key.startsWith(this.#locksRoot)) this.#putContender(change.now, atMs);
      else if (change.now.key.startsWith(guardedRoot)) this.#putGuarded(change.now, atMs);
      else if (change.now.key === installationKey) this.#putInstallation(change.now, atMs);
      else this.#putRecord(change.now, atMs);
    }
    this.#admit(atMs);
  }

  mayHoldMs(contender: string): number | undefined {
    return this.#mayHoldMs.get(contender);
  }

  #admit(atMs: number): void {
    for (const [lock, queue] of Map.groupBy(this.#standing.values(), ({ place }) => place.lock)) {
      const sharing = this.#sharing.get(lock.slice(0, lock.indexOf("/")));
      if (sharing === undefined) continue;
      const demands = queue.flatMap(({ contender }) => {
        const made = this.everMade.get(contender);
        return made === undefined ? [] : [{ contender, ...readContender(made) }];
      });
      for (const { contender } of holders(inOrder(demands), sharing))
        if (!this.#mayHoldMs.has(contender)) this.#mayHoldMs.set(contender, atMs);
    }
  }

  /** The most permits that a pool had at any time since then. */
  mostPermits(pool: string, sinceMs: number): number {
    const all = this.#permits.get(pool) ?? [];
    const inForce = all.filter((_, index) => (all[index + 1]?.atMs ?? Infinity) >= sinceMs);
    return Math.max(1, ...inForce.map(({ permits }) => permits));
  }

  #putRecord(kv: KeyValue, atMs: number): void {
    const named = recordNameOf(kv.key);
    if (named === undefined) return;
    const { lock } = readRecord(kv, named.kind, named.name);
    if (lock === undefined) return;
    const { mode, permits } = lock;
    // Who could hold, but for a delay, may be kept waiting by there being fewer now.
    if (this.#sharing.get(named.name)?.permits !== permits)
      for (const { place, contender } of this.#standing.values())
        if (place.lock.startsWith(`${named.name}/`)) this.#mayHoldMs.delete(contender);
    this.#sharing.set(named.name, { mode, permits });
    const all = this.#permits.get(named.name) ?? [];
    this.#permits.set(named.name, [...all, { atMs, permits }]);
  }

  #putGuarded({ value }: KeyValue, atMs: number): void {
    const { steps } = this.#server.runtime.world;
    this.#history.guarded.get(Buffer.from(value).toString())?.effects.push({ atMs, step: steps });
  }

  #putInstallation(kv: KeyValue, atMs: number): void {
    const base = readInstallation(kv)?.base;
    if (base !== undefined && !this.#bases.has(base)) this.#bases.set(base, atMs);
  }

  #putContender(kv: KeyValue, atMs: number): void {
    const { key, createRevision, modRevision, lease } = kv;
    if (lease === undefined) this.#history.violated("lease", `contender ${key} has no lease`, atMs);
    if (createRevision !== modRevision) return;
    const name = contenderNameOf(key, this.#namespace);
    const lock = name === undefined ? key : `${name.pool}/${name.name}`;
    if (this.#lastMade.get(lock) === createRevision)
      this.#history.violated("one revision", `two contenders of ${lock} were made at once`, atMs);
    if (this.#server.keys.get(anewKey(this.#namespace)) !== undefined)
      this.#history.violated(
        "anew",
        `${key} was made while etcd was known to have begun anew`,
        atMs,
      );
    const contender = contenderIn(kv);
    this.everMade.set(contender, kv);
    const { mode, permits } = readContender(kv);
    this.#history.demands.set(contender, { mode, permits });
    this.#lastMade.set(lock, createRevision);
    const place: PlaceMade = { key, lock, session: name?.session ?? "", madeMs: atMs };
    this.#standing.set(key, { place, contender });
    this.#history.places.push(place);
  }

  #gone(key: Key): void {
    const standing = this.#standing.get(key);
    if (standing === undefined) return;
    const goneMs = this.#server.runtime.world.nowMs;
    standing.place.goneMs = goneMs;
    this.#goneMs.set(standing.contender, goneMs);
    this.#standing.delete(key);
  }
}
