/**
 * What a test of the contract stands on: an etcd of some kind, a client of it, and a prefix of its own. Time is the
 * etcd's affair: `settle` lets it pass (virtually or really) until a promise has settled.
 */
import assert from "node:assert/strict";
import type { Done, Outcome, Refused, Unknown } from "#core/outcome.ts";
import { after, type Runtime } from "#core/runtime.ts";
import {
  prefixRange,
  type Beat,
  type Change,
  type Changes,
  type Key,
  type KeyRange,
  type KeyValue,
  type LeaseId,
  type Op,
  type RangeRead,
  type RangeResult,
  type Revision,
  type Snapshot,
  type Store,
  type Wait,
  type Write,
  type WriteResult,
} from "#core/store.ts";

/** One client of an etcd, over a network that can be made bad. */
export interface Client extends AsyncDisposable {
  readonly store: Store;
  /** Requests arrive, answers are lost, until `heal`. */
  cutAnswers(): void;
  /** Nothing arrives at the server until `heal`; then it is lost. */
  cutRequests(): void;
  heal(): Promise<void>;
}

/** An etcd that no other suite uses. */
export interface Etcd extends AsyncDisposable {
  readonly runtime: Runtime;
  connect(): Promise<Client>;
  /** A client whose endpoints nobody listens on. */
  unreachable(): Promise<Client>;
  compact(at: Revision): Promise<void>;
  settle<T>(promise: Promise<T>): Promise<T>;
}

/** What not every etcd can do. */
export interface Abilities {
  /** A quiet watch is told how far it has come. */
  readonly progress: boolean;
}

export const allAbilities: Abilities = { progress: true };

export type MakeEtcd = () => Promise<Etcd>;

const utf8 = new TextEncoder();
const text = new TextDecoder();
const longMs = 30_000;
let prefixes = 0;

export function bytes(value: string): Uint8Array {
  return utf8.encode(value);
}

export function string(value: Uint8Array): string {
  return text.decode(value);
}

export class Trial implements AsyncDisposable {
  readonly etcd: Etcd;
  readonly client: Client;
  readonly prefix = `/contract/${String(++prefixes).padStart(4, "0")}/`;
  readonly #left = new AbortController();

  private constructor(etcd: Etcd, client: Client) {
    this.etcd = etcd;
    this.client = client;
  }

  static async start(etcd: Etcd): Promise<Trial> {
    return new Trial(etcd, await etcd.connect());
  }

  get store(): Store {
    return this.client.store;
  }

  /** All keys of this trial. */
  get all(): { readonly key: Key; readonly end: Key } {
    return prefixRange(this.prefix);
  }

  /** Aborts when the trial ends. */
  get signal(): AbortSignal {
    return this.#left.signal;
  }

  key(name: string): Key {
    return this.prefix + name;
  }

  range(name: string): { readonly key: Key; readonly end: Key } {
    return prefixRange(this.key(name));
  }

  wait(ms = longMs, signal = this.signal): Wait {
    return { signal, deadline: after(this.etcd.runtime.now(), ms) };
  }

  settle<T>(promise: Promise<T>): Promise<T> {
    return this.etcd.settle(promise);
  }

  write(write: Partial<Write>): Promise<Outcome<WriteResult>> {
    return this.settle(this.store.write(completed(write)));
  }

  /** A write that is done, and its result. */
  async commit(...then: readonly Op[]): Promise<Done<WriteResult>> {
    const outcome = await this.write({ then });
    assertDone(outcome);
    assert.equal(outcome.value.held, true);
    return outcome;
  }

  /** Puts a key that hangs on nothing; the revision at which it was done. */
  async put(name: string, value = name): Promise<Revision> {
    const { at } = await this.commit(this.durable(name, value));
    return at.revision;
  }

  durable(name: string, value = name): Op {
    return { kind: "putDurable", key: this.key(name), value: bytes(value) };
  }

  ephemeral(name: string, lease: LeaseId, value = name): Op {
    return { kind: "putEphemeral", key: this.key(name), value: bytes(value), lease };
  }

  delete(name: string): Op {
    return { kind: "delete", key: this.key(name) };
  }

  list(range: RangeRead): Op {
    return { kind: "list", range };
  }

  async snapshot(...ranges: readonly RangeRead[]): Promise<Snapshot> {
    const outcome = await this.settle(this.store.read(ranges, this.wait()));
    assertDone(outcome);
    return outcome.value;
  }

  async read(range: RangeRead): Promise<RangeResult> {
    const { ranges } = await this.snapshot(range);
    const [result] = ranges;
    assert(result !== undefined);
    return result;
  }

  async get(name: string): Promise<KeyValue | undefined> {
    const { keys } = await this.read({ key: this.key(name) });
    return keys[0];
  }

  /** The network is well again, and a connection that the cut has spoilt is replaced. */
  async heal(): Promise<void> {
    await this.settle(this.client.heal());
    await this.snapshot(this.all);
  }

  keepAlive(lease: LeaseId, everyMs: number, signal = this.signal): Reader<Beat> {
    return new Reader(this, this.store.leases.keepAlive(lease, everyMs, signal));
  }

  async grant(ttlMs = 60_000): Promise<LeaseId> {
    const outcome = await this.settle(this.store.leases.grant(ttlMs, this.wait()));
    assertDone(outcome);
    return outcome.value.lease;
  }

  watch(range: KeyRange, from: Revision, signal = this.signal): WatchReader {
    return new WatchReader(this, this.store.watch(range, from, signal));
  }

  /** The names of keys without the trial's prefix. */
  names(keys: readonly { readonly key: Key }[]): string[] {
    return keys.map(({ key }) => key.slice(this.prefix.length));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#left.abort(new Error("the trial is over"));
    await this.client[Symbol.asyncDispose]();
  }
}

/** Reads item by item; `undefined`: it has ended. */
export class Reader<T> {
  readonly #trial: Trial;
  readonly #ask: () => Promise<IteratorResult<T, unknown>>;

  constructor(trial: Trial, items: AsyncIterable<T>) {
    this.#trial = trial;
    const iterator = items[Symbol.asyncIterator]();
    this.#ask = () => iterator.next();
  }

  /** Time passes until it comes. */
  next(): Promise<T | undefined> {
    return this.#trial.settle(this.ask());
  }

  /** Asks for the next, and lets no time pass. */
  async ask(): Promise<T | undefined> {
    const result = await this.#ask();
    return result.done === true ? undefined : result.value;
  }
}

/** Reads a watch message by message. */
export class WatchReader extends Reader<Changes> {
  /** The next message that is no progress. */
  async told(): Promise<Changes | undefined> {
    for (;;) {
      const message = await this.next();
      if (message?.kind !== "progress") return message;
    }
  }

  /** The next messages' events, until `count` of them have come. */
  async events(count: number): Promise<Change[]> {
    const events: Change[] = [];
    while (events.length < count) {
      const message = await this.told();
      assert(message?.kind === "changes", `the watch ended after ${String(events.length)} events`);
      for (const event of message.events) assert(revisionOf(event) <= message.at.revision);
      events.push(...message.events);
    }
    return events;
  }
}

export function revisionOf(change: Change): Revision {
  return change.kind === "put" ? change.now.modRevision : change.revision;
}

export function completed(write: Partial<Write>): Write {
  return { given: [], when: [], then: [], otherwise: [], ...write };
}

export function assertDone<T>(outcome: Outcome<T>): asserts outcome is Done<T> {
  if (outcome.kind !== "done") assert.fail(`${outcome.kind}: ${outcome.reason.code}`);
}

export function assertRefused<C extends Refused["reason"]["code"]>(
  outcome: Outcome<unknown>,
  code: C,
): asserts outcome is Refused & { readonly reason: { readonly code: C } } {
  assert.equal(outcome.kind, "refused");
  assert.equal(outcome.reason.code, code);
}

export function assertUnknown(outcome: Outcome<unknown>): asserts outcome is Unknown {
  assert.equal(outcome.kind, "unknown");
}

/** A test with a trial of its own. */
export type Exercise = (sentence: string, body: (trial: Trial) => Promise<void>) => void;
