/**
 * The store of one process, listened to: which sessions are its own, whether it deletes what is not, and whether it makes the
 * key of a place again while something that is under way, or came to nobody knows what, may still touch that key.
 */
import { contenderNameOf } from "#core/lock/keys.ts";
import { contenderIn } from "./etcd-record.ts";
import { dataRoot } from "#core/session/keys.ts";
import type { Outcome } from "#core/outcome.ts";
import type {
  Beat,
  Changes,
  Key,
  KeyRange,
  Leases,
  RangeRead,
  Revision,
  Snapshot,
  Store,
  Wait,
  Write,
  WriteResult,
} from "#core/store.ts";

export interface TapParts {
  readonly namespace: string;
  readonly process: string;
  readonly violated: (rule: string, what: string) => void;
  readonly nowMs: () => number;
  /** The process has taken in an answered keepalive. */
  readonly beaten: () => void;
}

export class StoreTap implements Store {
  readonly sessions = new Set<string>();
  /** How often etcd was asked for something. */
  readonly asked = { writes: 0, reads: 0, watches: 0 };
  readonly #store: Store;
  readonly #parts: TapParts;
  /** Keys of places that a write without a condition of its own touches: how many are not answered, or never were. */
  readonly #touched = new Map<Key, number>();
  /** Keys of places that were made and not removed, as far as answers told. */
  readonly #standing = new Set<Key>();
  /** By the first key of a lock's contenders: when the latest question about them was sent that was answered. */
  readonly #lookedMs = new Map<Key, number>();
  /** The same as it was when the marker of a place was first sent. */
  readonly #lookedBeforeMark = new Map<string, number | undefined>();

  constructor(store: Store, parts: TapParts) {
    this.#store = store;
    this.#parts = parts;
  }

  get leases(): Leases {
    const { leases } = this.#store;
    return {
      grant: (ttlMs, wait) => leases.grant(ttlMs, wait),
      keepAlive: (...how) => this.#beaten(leases.keepAlive(...how)),
      revoke: (lease, wait) => leases.revoke(lease, wait),
      keys: (lease, wait) => leases.keys(lease, wait),
    };
  }

  async *#beaten(beats: AsyncIterable<Beat>): AsyncIterable<Beat> {
    for await (const beat of beats) {
      yield beat;
      this.#parts.beaten();
    }
  }

  write(write: Write): Promise<Outcome<WriteResult>> {
    this.asked.writes += 1;
    const sessions = `${dataRoot(this.#parts.namespace)}sessions/`;
    for (const op of [...write.then, ...write.otherwise]) {
      if (op.kind === "delete") this.#deletes(op.key);
      else if (op.kind === "putEphemeral" && op.key.startsWith(sessions))
        this.sessions.add(op.key.slice(sessions.length));
    }
    this.#marks(write);
    return write.when.length > 0 ? this.#store.write(write) : this.#touching(write);
  }

  async #touching(write: Write): Promise<Outcome<WriteResult>> {
    const places = `${dataRoot(this.#parts.namespace)}locks/`;
    const ops = write.then.flatMap((op) =>
      (op.kind === "delete" || op.kind === "putEphemeral") && op.key.startsWith(places) ? [op] : [],
    );
    for (const { kind, key } of ops) {
      const touching = this.#touched.get(key) ?? 0;
      if (kind === "putEphemeral" && touching > 0)
        this.#parts.violated("seats", `${key} is made while another write may touch it`);
      if (kind === "putEphemeral" && this.#standing.has(key))
        this.#parts.violated("seats", `${key} is made while it stands`);
      this.#touched.set(key, touching + 1);
    }
    const sentMs = this.#parts.nowMs();
    const outcome = await this.#store.write(write);
    if (outcome.kind === "unknown") return outcome;
    for (const { key } of ops) this.#touched.set(key, (this.#touched.get(key) ?? 1) - 1);
    if (outcome.kind === "refused") return outcome;
    for (const { kind, key } of ops)
      if (kind === "delete") this.#standing.delete(key);
      else this.#standing.add(key);
    for (const op of write.then) if (op.kind === "list") this.#lookedMs.set(op.range.key, sentMs);
    return outcome;
  }

  async read(
    ranges: readonly RangeRead[],
    wait: Wait,
    atLeast?: Revision,
  ): Promise<Outcome<Snapshot>> {
    this.asked.reads += 1;
    const sentMs = this.#parts.nowMs();
    const outcome = await this.#store.read(ranges, wait, atLeast);
    if (outcome.kind === "done") for (const { key } of ranges) this.#lookedMs.set(key, sentMs);
    return outcome;
  }

  #marks({ when, then }: Write): void {
    const marks = `${dataRoot(this.#parts.namespace)}marks/`;
    const [own] = when;
    const isMark = then.some(
      ({ kind, ...op }) => kind === "putDurable" && "key" in op && op.key.startsWith(marks),
    );
    if (!isMark || own?.kind !== "created") return;
    const queue = own.key.slice(0, own.key.lastIndexOf("/") + 1);
    const contender = contenderIn({ key: own.key, createRevision: own.revision });
    if (!this.#lookedBeforeMark.has(contender))
      this.#lookedBeforeMark.set(contender, this.#lookedMs.get(queue));
  }

  /** When that was asked about a lock's contenders whose answer is the latest: who is let in now was let in by it. */
  lookedMs({ key }: KeyRange, contender: string): number | undefined {
    return this.#lookedBeforeMark.get(contender) ?? this.#lookedMs.get(key);
  }

  watch(range: KeyRange, from: Revision, signal: AbortSignal): AsyncIterable<Changes> {
    this.asked.watches += 1;
    return this.#store.watch(range, from, signal);
  }

  #deletes(key: Key): void {
    const { namespace, process, violated } = this.#parts;
    if (!key.startsWith(`${dataRoot(namespace)}locks/`)) return;
    const owner = contenderNameOf(key, namespace)?.session;
    if (owner === undefined || !this.sessions.has(owner))
      violated("own places", `${process} deletes ${key}, a place of somebody else`);
  }
}
