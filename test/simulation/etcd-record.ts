/**
 * Everything that etcd committed, as it happened, seen past all links; and what of it must never be: a contender that is
 * made twice, one without a lease, two of one lock at one revision, one that is made while nothing may be granted.
 */
import { contenderNameOf } from "#core/lock/keys.ts";
import { anewKey, dataRoot } from "#core/session/keys.ts";
import { prefixRange, revision, type Change, type Key, type KeyValue } from "#core/store.ts";
import type { Watching } from "#test/support/etcd-model/history.ts";
import type { EtcdModel } from "#test/support/etcd-model/server.ts";
import type { History, PlaceMade } from "./history.ts";

export interface Commit {
  readonly atMs: number;
  readonly changes: readonly Change[];
}

const everything = prefixRange("/");

export class EtcdRecord {
  readonly commits: Commit[] = [];
  readonly #server: EtcdModel;
  readonly #history: History;
  readonly #locksRoot: string;
  readonly #namespace: string;
  /** The contenders that stand. */
  readonly #standing = new Map<Key, PlaceMade>();
  readonly everMade: Set<Key> = new Set<Key>();
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
    this.follow();
  }

  madeMs(contender: Key): number | undefined {
    return this.#standing.get(contender)?.madeMs;
  }

  #commit(changes: readonly Change[]): void {
    const atMs = this.#server.runtime.world.nowMs;
    this.commits.push({ atMs, changes });
    for (const change of changes) {
      if (change.kind === "delete") this.#gone(change.key);
      else if (change.now.key.startsWith(this.#locksRoot)) this.#putContender(change.now, atMs);
    }
  }

  #putContender(kv: KeyValue, atMs: number): void {
    const { key, createRevision, modRevision, lease } = kv;
    if (lease === undefined) this.#history.violated("lease", `contender ${key} has no lease`, atMs);
    if (createRevision !== modRevision) return;
    const name = contenderNameOf(key, this.#namespace);
    const lock = name === undefined ? key : `${name.pool}/${name.name}`;
    if (this.everMade.has(key))
      this.#history.violated("made once", `contender ${key} was made a second time`, atMs);
    if (this.#lastMade.get(lock) === createRevision)
      this.#history.violated("one revision", `two contenders of ${lock} were made at once`, atMs);
    if (this.#server.keys.get(anewKey(this.#namespace)) !== undefined)
      this.#history.violated(
        "anew",
        `${key} was made while etcd was known to have begun anew`,
        atMs,
      );
    this.everMade.add(key);
    this.#lastMade.set(lock, createRevision);
    const place: PlaceMade = { key, lock, session: name?.session ?? "", madeMs: atMs };
    this.#standing.set(key, place);
    this.#history.places.push(place);
  }

  #gone(key: Key): void {
    const place = this.#standing.get(key);
    if (place !== undefined) place.goneMs = this.#server.runtime.world.nowMs;
    this.#standing.delete(key);
  }
}
