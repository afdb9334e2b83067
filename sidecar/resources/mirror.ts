/**
 * The spec tree of etcd as this process knows it: the namespace's records, the installation's, and whether `anew` stands.
 *
 * Until all was read once, a pool may be known from a copy that an earlier life of this process left (copy.ts). Those
 * records stand apart: they say what may be asked for, and nothing is ever granted by them.
 */
import { after, sleep, type Runtime } from "#core/runtime.ts";
import type { StaleFact } from "#core/outcome.ts";
import { Refusal } from "#core/refusal.ts";
import {
  noRevision,
  type Fact,
  type Key,
  type KeyRange,
  type KeyValue,
  type RangeRead,
  type RangeResult,
  type Revision,
  type Store,
} from "#core/store.ts";
import { Tasks } from "#core/tasks.ts";
import { anewKey } from "#core/session/keys.ts";
import { installationKey, kindAndNameOf, recordKey, recordsOf } from "#core/spec/keys.ts";
import type { Specs } from "#core/spec/specs.ts";
import {
  distributedLockKind,
  readInstallation,
  readRecord,
  type Installation,
  type ResourceRecord,
} from "#core/spec/records.ts";

const readMs = 5_000;
const pauseMs = 500;
/** Records of one namespace; more are not read, and said. */
const recordsMax = 10_000;

export interface ResourceView {
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly revision: string;
  readonly level: number;
  readonly served: boolean;
  readonly problem?: string | undefined;
  readonly spec: unknown;
}

interface Seen<T> {
  readonly at: Revision;
  readonly value: T | undefined;
}

interface Made {
  readonly installation: Installation;
  readonly facts: readonly Fact[];
}

export interface MirrorParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly namespace: string;
  readonly onBug: (name: string, error: unknown) => void;
  /** The fence base is below one seen before. Told once for each such base. */
  readonly onBaseFell: () => void;
  /** What an earlier life of this process knew. */
  readonly remembered?: readonly ResourceRecord[] | undefined;
}

export class SpecMirror implements Specs {
  readonly ready: Promise<void>;
  readonly #parts: MirrorParts;
  readonly #tasks: Tasks;
  readonly #anewKey: Key;
  readonly #records = new Map<Key, Seen<ResourceRecord>>();
  /** Those that stand, by kind and name: every request looks here. */
  readonly #standing = new Map<string, Map<string, ResourceRecord>>();
  /** What {@link factsFor} has made: the same objects for as long as they say the same. */
  readonly #facts = new WeakMap<ResourceRecord, Made>();
  readonly #waiting = new Set<() => void>();
  #installation: Seen<Installation> = { at: noRevision, value: undefined };
  #anew: Seen<KeyValue> = { at: noRevision, value: undefined };
  #highestBase = 0n;
  readonly #remembered: Map<string, ResourceRecord>;
  #fallenBase: bigint | undefined;
  #distrusted = false;
  /** How often grants are held, and not let go of yet. */
  #holds = 0;
  #isReady = false;
  #wasRead = false;
  #version = 0;
  #applied: Revision = noRevision;
  #endWatches: (() => void) | undefined;
  #forgot = 0;
  /** Why the last reading failed. */
  #unread: string | undefined;

  static start(parts: MirrorParts): SpecMirror {
    return new SpecMirror(parts);
  }

  private constructor({ remembered = [], ...parts }: MirrorParts) {
    this.#parts = parts;
    this.#anewKey = anewKey(parts.namespace);
    this.#remembered = new Map(remembered.map((one) => [pathOf(one.kind, one.name), one]));
    this.#tasks = new Tasks((name, error) => {
      parts.onBug(`spec mirror: ${name}`, error);
    });
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.ready = promise;
    this.#tasks.run("reading the spec tree", (signal) =>
      this.#run(() => {
        if (this.#isReady) return;
        this.#isReady = true;
        this.#wasRead = true;
        this.#remembered.clear();
        this.#changed();
        resolve(undefined);
      }, signal),
    );
  }

  /** What is here was read from the etcd that there is: not before the first read, nor while one that began anew is read. */
  get isReady(): boolean {
    return this.#isReady;
  }

  get isReadAgain(): boolean {
    return !this.#isReady && (this.#wasRead || this.#remembered.size > 0);
  }

  get version(): number {
    return this.#version;
  }

  /**
   * Undefined also where its base is not to be trusted: below one that was seen before (bases only rise, so an older etcd was
   * restored, and its base would make fences that were given already), or while {@link distrustBase} or {@link holdGrants} holds.
   */
  get installation(): Installation | undefined {
    const { value } = this.#installation;
    const isTrusted = !this.#distrusted && this.#holds === 0;
    return value !== undefined && isTrusted && value.base >= this.#highestBase ? value : undefined;
  }

  /** Etcd began anew, which `anew` does not say yet. To be let go of by what is returned: then all is read again. */
  holdGrants(): () => void {
    this.#holds += 1;
    this.#changed();
    return () => {
      this.#holds -= 1;
      this.forget();
    };
  }

  /** The owner of the spec tree starts: etcd may have begun anew unseen, so nothing is granted until it has raised the base. */
  distrustBase(): void {
    this.#distrusted = true;
  }

  /** It has raised the base to this one. */
  trustBase(installation: Installation): void {
    this.#distrusted = false;
    this.#seeInstallation(installation, installation.modRevision);
    this.#changed();
  }

  /** Of all bases ever seen, over all beginnings of etcd. */
  get highestBase(): bigint {
    return this.#highestBase;
  }

  get anew(): KeyValue | undefined {
    return this.#anew.value;
  }

  /**
   * All records of the namespace up to this revision were taken in; 0: none were read yet, or more stand there than are read.
   * It is the reading's revision, then as far as the watch of the records has told. The watches of the two single keys
   * say nothing of records and, silent as they mostly are, would hold it back by seconds.
   */
  get appliedRevision(): Revision {
    return this.#applied;
  }

  record(kind: string, name: string): ResourceRecord | undefined {
    return this.#standing.get(kind)?.get(name);
  }

  records(): ResourceRecord[] {
    return [...this.#records.values()].flatMap(({ value }) => (value === undefined ? [] : [value]));
  }

  resources(): readonly ResourceView[] {
    return this.records().map(viewOf);
  }

  /** What was known by an earlier life, and that all is still known by. Empty as soon as etcd has told. */
  remembered(): readonly ResourceView[] {
    return [...this.#remembered.values()].map(viewOf);
  }

  /** The pool's record, or why there is none to be served. */
  pool(name: string): ResourceRecord {
    // That it is not among the remembered ones says nothing: it may have been made since.
    const record =
      this.record(distributedLockKind, name) ??
      this.#remembered.get(pathOf(distributedLockKind, name));
    if (record === undefined) {
      if (!this.#isReady)
        throw new Refusal("not_ready", "The resources have not been read from etcd yet. Retry.");
      throw new Refusal(
        "pool_not_found",
        `There is no lock pool '${name}' in namespace '${this.#parts.namespace}'. Create a DistributedLock of that name.`,
        { pool: name },
      );
    }
    if (record.problem?.code === "tooNew") {
      throw new Refusal(
        "sidecar_too_old",
        `Lock pool '${name}': ${record.problem.message}. Restart the pod.`,
      );
    }
    if (record.problem !== undefined) {
      throw new Refusal(
        "not_ready",
        `Lock pool '${name}' cannot be served: ${record.problem.message}`,
      );
    }
    return record;
  }

  /**
   * What every acquire in this pool is given. Undefined: nothing may be granted now (no base, or etcd began anew).
   */
  factsFor(pool: ResourceRecord): readonly Fact[] | undefined {
    const { installation } = this;
    if (installation === undefined || this.anew !== undefined) return undefined;
    const made = this.#facts.get(pool);
    if (made?.installation === installation) return made.facts;
    const facts: readonly Fact[] = [
      {
        kind: "modified",
        key: recordKey(this.#parts.namespace, pool.kind, pool.name),
        revision: pool.modRevision,
      },
      { kind: "modified", key: installationKey, revision: installation.modRevision },
      { kind: "created", key: this.#anewKey, revision: noRevision },
    ];
    this.#facts.set(pool, { installation, facts });
    return facts;
  }

  rangesFor(pool: string): readonly [RangeRead, RangeRead, RangeRead] {
    return [
      { key: recordKey(this.#parts.namespace, distributedLockKind, pool) },
      { key: installationKey },
      { key: this.#anewKey },
    ];
  }

  took(ranges: readonly RangeRead[], results: readonly RangeResult[], revision: Revision): void {
    for (const [index, { key }] of ranges.entries())
      this.#see(key, results[index]?.keys[0], revision);
  }

  tookStale(facts: readonly StaleFact[], revision: Revision): void {
    for (const { key, now } of facts) this.#see(key, now, revision);
  }

  nextChange(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener("abort", wake, { once: true });
      if (signal.aborted) wake();
    });
  }

  close(): Promise<void> {
    return this.#tasks.close();
  }

  async #run(whenRead: () => void, signal: AbortSignal): Promise<void> {
    const { runtime } = this.#parts;
    for (;;) {
      const forgot = this.#forgot;
      const from = await this.#readAll(signal);
      // Between the reading and here it may have been told to forget: nothing is left then of what was read.
      if (from !== undefined && forgot === this.#forgot) {
        whenRead();
        await this.#watchAll(from, signal);
      }
      if (forgot === this.#forgot) await sleep(runtime, pauseMs * (0.5 + runtime.random()), signal);
    }
  }

  async #readAll(signal: AbortSignal): Promise<Revision | undefined> {
    const { runtime, store, namespace } = this.#parts;
    const singles = [{ key: installationKey }, { key: this.#anewKey }];
    const wait = { signal, deadline: after(runtime.now(), readMs) };
    const forgot = this.#forgot;
    const read = await store.read(
      [{ ...recordsOf(namespace), limit: recordsMax }, ...singles],
      wait,
    );
    signal.throwIfAborted();
    if (read.kind !== "done") {
      const { code: reason } = read.reason;
      // Said once: a user that is not made yet, or an etcd that is down, may take its time.
      if (reason !== this.#unread)
        runtime.log.warn("the resources cannot be read from etcd", { reason });
      this.#unread = reason;
      return undefined;
    }
    this.#unread = undefined;
    // It may have been answered by the etcd that is to be forgotten.
    if (forgot !== this.#forgot) return undefined;
    const { revision, ranges } = read.value;
    const [records, ...rest] = ranges;
    const keys = records?.keys ?? [];
    const isWhole = (records?.count ?? 0) <= keys.length;
    if (!isWhole) {
      runtime.log.error("the namespace has more resources than are read", { recordsMax });
    }
    const there = new Set(keys.map(({ key }) => key));
    for (const key of this.#records.keys())
      if (!there.has(key)) this.#see(key, undefined, revision);
    for (const kv of keys) this.#see(kv.key, kv, revision);
    this.took(singles, rest, revision);
    this.#applied = isWhole ? revision : noRevision;
    return revision;
  }

  /** Until one of the watches ends: at a gap, all is read again. */
  async #watchAll(from: Revision, signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    this.#endWatches = () => {
      ended.abort(new Error("read again"));
    };
    const either = AbortSignal.any([signal, ended.signal]);
    const ranges: KeyRange[] = [
      recordsOf(this.#parts.namespace),
      { key: installationKey },
      { key: this.#anewKey },
    ];
    const next = (from + 1n) as Revision;
    try {
      await Promise.all(
        ranges.map((range) => this.#watch(range, next, either).finally(() => this.#endWatches?.())),
      );
    } catch (error) {
      if (signal.aborted) throw error;
      this.#parts.runtime.log.warn("the watch of the resources failed; they are read again", {
        error,
      });
    }
  }

  async #watch(range: KeyRange, from: Revision, signal: AbortSignal): Promise<void> {
    for await (const changes of this.#parts.store.watch(range, from, signal)) {
      if (changes.kind === "gap") return;
      // One that was told to end still tells what was under way: it may be of the etcd that is forgotten.
      if (signal.aborted) return;
      const events = changes.kind === "progress" ? [] : changes.events;
      // First, so that who is woken by a change finds it here; no turn lies between.
      if (range.key === recordsOf(this.#parts.namespace).key) this.#reached(changes.at.revision);
      for (const event of events) {
        if (event.kind === "put") this.#see(event.now.key, event.now, event.now.modRevision);
        else this.#see(event.key, undefined, event.revision);
      }
    }
  }

  #reached(revision: Revision): void {
    if (this.#applied !== noRevision && revision > this.#applied) this.#applied = revision;
  }

  /** `kv` stood at `key` at revision `at`. */
  #see(key: Key, kv: KeyValue | undefined, at: Revision): void {
    const { installation, anew } = this;
    if (key === installationKey) {
      this.#seeInstallation(readInstallation(kv), at);
    } else if (key === this.#anewKey) this.#anew = later(this.#anew, { at, value: kv });
    else if (this.#seeRecord(key, kv, at)) this.#changed();
    if (
      installation?.modRevision !== this.installation?.modRevision ||
      anew?.modRevision !== this.anew?.modRevision
    ) {
      this.#changed();
    }
  }

  /** An answer that is older than what is known tells of no fall: the base was raised meanwhile. */
  #seeInstallation(value: Installation | undefined, at: Revision): void {
    if (at < this.#installation.at) return;
    this.#installation = { at, value };
    const base = value?.base ?? this.#highestBase;
    if (base >= this.#highestBase) this.#highestBase = base;
    else if (base !== this.#fallenBase) {
      this.#fallenBase = base;
      this.#parts.onBaseFell();
    }
  }

  #changed(): void {
    this.#version += 1;
    for (const wake of [...this.#waiting]) wake();
  }

  #seeRecord(key: Key, kv: KeyValue | undefined, at: Revision): boolean {
    const named = kindAndNameOf(key, this.#parts.namespace);
    const seen = this.#records.get(key);
    if (named === undefined || (seen !== undefined && at < seen.at)) return false;
    if (kv === undefined && seen === undefined) return false;
    if (kv?.modRevision === seen?.value?.modRevision && seen !== undefined) {
      this.#records.set(key, { at, value: seen.value });
      return false;
    }
    const { kind, name } = named;
    const value = kv === undefined ? undefined : readRecord(kv, kind, name);
    this.#records.set(key, { at, value });
    const ofKind = this.#standing.get(kind) ?? new Map<string, ResourceRecord>();
    if (value === undefined) ofKind.delete(name);
    else ofKind.set(name, value);
    this.#standing.set(kind, ofKind);
    if (this.#records.size > 2 * recordsMax) this.#dropDeleted();
    return true;
  }

  /** What was deleted is remembered only so that nothing older brings it back. */
  #dropDeleted(): void {
    for (const [key, { value }] of this.#records)
      if (value === undefined) this.#records.delete(key);
  }

  /**
   * All is read again, and until then nothing is granted. Where etcd began anew revisions start over, so nothing seen before
   * can be held against what is seen now. A new session may be the first to meet it: a record can stand there at the very
   * revision that another one had. The key of the session proves that what is read from now on is of one etcd with it.
   */
  forget(): void {
    this.#forgot += 1;
    this.#isReady = false;
    this.#applied = noRevision;
    this.#records.clear();
    this.#standing.clear();
    this.#installation = { at: noRevision, value: undefined };
    this.#anew = { at: noRevision, value: undefined };
    this.#endWatches?.();
    this.#changed();
  }
}

function pathOf(kind: string, name: string): string {
  return `${kind}/${name}`;
}

function viewOf({ modRevision, problem, lock, ...rest }: ResourceRecord): ResourceView {
  return {
    ...rest,
    revision: modRevision.toString(),
    served: lock !== undefined,
    problem: problem?.message,
  };
}

function later<T>(before: Seen<T>, now: Seen<T>): Seen<T> {
  return now.at < before.at ? before : now;
}
