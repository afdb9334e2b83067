/**
 * The records of etcd's spec tree as the leader knows them: read once, then followed by a watch, so that what somebody else
 * changes there is seen. What the leader itself writes is taken in at once.
 *
 * A watch begins before the read, and each key keeps the revision that was seen last, so neither can bring back what is
 * older. After a gap, and when etcd begins anew, all is read again.
 */
import { after, sleep, type Runtime } from "#core/runtime.ts";
import { decodeJson, numberOf, textOf } from "#core/json.ts";
import { recordKey, recordNameOf, recordsOf, specTree, type RecordName } from "#core/spec/keys.ts";
import {
  fromNow,
  noRevision,
  type Change,
  type Key,
  type KeyRange,
  type KeyValue,
  type Revision,
  type Store,
} from "#core/store.ts";
import { Tasks } from "#core/tasks.ts";

/** What stands in the tree under one name; what cannot be read of it is empty. */
export interface SpecRecord {
  readonly modRevision: Revision;
  readonly uid: string;
  readonly generation: number;
  readonly level: number;
  readonly spec: unknown;
}

export interface SpecRecordsParts {
  readonly runtime: Runtime;
  readonly store: Store;
  /** Undefined: all. */
  readonly namespaces: readonly string[] | undefined;
  /** Something under this name is not what it was. */
  readonly changed: (name: RecordName) => void;
  /** All was read for the first time. */
  readonly wasRead: () => void;
  readonly onFailure: (name: string, error: unknown) => void;
}

const readMs = 10_000;
const pauseMs = 1_000;
const pageKeys = 1_000;
/** Of all namespaces together; what is more is not followed, and said. */
const recordsMax = 200_000;

interface Seen {
  readonly at: Revision;
  /** Undefined: it was deleted by us, and the watch has not told so yet. */
  readonly record: SpecRecord | undefined;
}

export class SpecRecords implements AsyncDisposable {
  readonly #parts: SpecRecordsParts;
  readonly #tasks: Tasks;
  readonly #seen = new Map<Key, Seen>();
  readonly #ranges: readonly (KeyRange & { readonly end: Key })[];
  readonly #read = new Set<KeyRange>();
  /** Ends the watches, which are then begun again with a read. */
  #again = new AbortController();

  private constructor(parts: SpecRecordsParts) {
    this.#parts = parts;
    this.#tasks = new Tasks(parts.onFailure);
    this.#ranges = parts.namespaces?.map(recordsOf) ?? [specTree];
  }

  static start(parts: SpecRecordsParts): SpecRecords {
    const records = new SpecRecords(parts);
    for (const range of records.#ranges)
      records.#tasks.run(`following ${range.key}`, (signal) => records.#follow(range, signal));
    return records;
  }

  /** Whether all was read. */
  isReady(): boolean {
    return this.#read.size === this.#ranges.length;
  }

  /** "unknown": not read yet. */
  get({ namespace, kind, name }: RecordName): SpecRecord | undefined | "unknown" {
    if (!this.isReady()) return "unknown";
    return this.#seen.get(recordKey(namespace, kind, name))?.record;
  }

  /** What we wrote was answered at `at`; undefined: what stood there was deleted. */
  took(name: RecordName, at: Revision, record: Omit<SpecRecord, "modRevision"> | undefined): void {
    const key = recordKey(name.namespace, name.kind, name.name);
    const before = this.#seen.get(key)?.at ?? noRevision;
    if (before >= at) return;
    const stands = record === undefined ? undefined : { ...record, modRevision: at };
    this.#seen.set(key, { at, record: stands });
  }

  /** Etcd began anew, or something showed that our view is old: all is read again. */
  readAgain(): void {
    this.#again.abort(new Error("it is read again"));
    this.#again = new AbortController();
  }

  close(): Promise<void> {
    return this.#tasks.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #follow(range: KeyRange & { readonly end: Key }, closing: AbortSignal): Promise<void> {
    const { runtime } = this.#parts;
    for (;;) {
      const signal = AbortSignal.any([closing, this.#again.signal]);
      try {
        await this.#watch(range, signal);
      } catch (error) {
        if (closing.aborted) throw error;
        if (!signal.aborted)
          runtime.log.warn("the spec tree cannot be followed; it is tried again", { error });
      }
      await sleep(runtime, pauseMs * (0.5 + runtime.random()), closing);
    }
  }

  async #watch(range: KeyRange & { readonly end: Key }, signal: AbortSignal): Promise<void> {
    let isRead = false;
    for await (const changes of this.#parts.store.watch(range, fromNow, signal)) {
      if (changes.kind === "gap") return;
      if (!isRead) {
        if (!(await this.#readAll(range, signal))) return;
        isRead = true;
      }
      if (changes.kind === "changes") for (const event of changes.events) this.#take(event);
    }
  }

  /** False: it could not be read. */
  async #readAll(range: KeyRange & { readonly end: Key }, signal: AbortSignal): Promise<boolean> {
    const { runtime, store } = this.#parts;
    const found = new Map<Key, KeyValue>();
    for (let from = range.key; ;) {
      const wait = { signal, deadline: after(runtime.now(), readMs) };
      const read = await store.read([{ key: from, end: range.end, limit: pageKeys }], wait);
      signal.throwIfAborted();
      if (read.kind !== "done") {
        runtime.log.warn("the spec tree cannot be read", { reason: read.reason });
        return false;
      }
      const { keys = [], count = 0 } = read.value.ranges[0] ?? {};
      for (const kv of keys) found.set(kv.key, kv);
      const last = keys.at(-1);
      if (last === undefined || count <= keys.length || found.size >= recordsMax) break;
      from = `${last.key}\0`;
    }
    if (found.size >= recordsMax)
      runtime.log.error("the spec tree holds more records than are followed", { recordsMax });
    this.#replace(range, found);
    return true;
  }

  #replace(range: KeyRange & { readonly end: Key }, found: ReadonlyMap<Key, KeyValue>): void {
    const wasReady = this.isReady();
    this.#read.add(range);
    for (const key of this.#seen.keys()) {
      if (key < range.key || key >= range.end || found.has(key)) continue;
      this.#seen.delete(key);
      this.#tell(key);
    }
    for (const [key, kv] of found) {
      if (this.#seen.get(key)?.at === kv.modRevision) continue;
      this.#seen.set(key, { at: kv.modRevision, record: readSpecRecord(kv) });
      this.#tell(key);
    }
    if (!wasReady && this.isReady()) this.#parts.wasRead();
  }

  #take(event: Change): void {
    const key = event.kind === "put" ? event.now.key : event.key;
    const at = event.kind === "put" ? event.now.modRevision : event.revision;
    const before = this.#seen.get(key);
    if (before !== undefined && before.at > at) return;
    const isOurs = before?.at === at;
    if (event.kind === "delete") this.#seen.delete(key);
    else if (!isOurs) this.#seen.set(key, { at, record: readSpecRecord(event.now) });
    if (!isOurs) this.#tell(key);
  }

  #tell(key: Key): void {
    const name = recordNameOf(key);
    if (name !== undefined) this.#parts.changed(name);
  }
}

function readSpecRecord({ value, modRevision }: KeyValue): SpecRecord {
  const read = decodeJson(value) ?? {};
  return {
    modRevision,
    uid: textOf(read["uid"]) ?? "",
    generation: numberOf(read["generation"]) ?? 0,
    level: numberOf(read["level"]) ?? 0,
    spec: read["spec"],
  };
}
