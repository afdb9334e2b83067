/**
 * One watch: what its consumer has not fetched yet, and from which revision a server has to tell it on.
 *
 *     waiting → creating → open → (lagging → waiting) → over
 *
 * - waiting: no server tells it anything; creating: one was asked, and has not confirmed; open: it tells.
 * - lagging: the consumer is slow and the queue full; it is created anew, from where the queue ends, once that is empty.
 * - over: a gap was told, it failed, or the consumer left.
 *
 * `next` moves only with whole revisions that were queued: whatever connection is lost at whatever moment, the watch
 * that is created anew from `next` brings neither a hole nor a repetition.
 */
import type { Header } from "#core/outcome.ts";
import { forever, type Runtime } from "#core/runtime.ts";
import { type Change, type Changes, type KeyRange, type Revision, revision } from "#core/store.ts";
import { Bell } from "#core/bell.ts";
import type { WatchCreateRequest } from "./codec/etcdserverpb/rpc.ts";
import { type Event, Event_EventType } from "./codec/mvccpb/kv.ts";
import { keyValueOf } from "./txn.ts";

/** What may wait for one consumer. A single answer of the server may exceed it, the next is then not taken. */
const queuedEventsMax = 10_000;
const queuedMaxBytes = 16 * 1024 * 1024;

export type WatchedState = "waiting" | "creating" | "open" | "lagging" | "over";

export class Watched {
  readonly range: KeyRange;
  /** The history of the cluster (see {@link file://./revisions.ts}) that it follows. */
  readonly history: number;
  state: WatchedState = "waiting";
  /** On the stream it was last created on. */
  id = 0n;
  failure: Error | undefined;
  readonly #bell: Bell;
  #next: bigint;
  #queue: Changes[] = [];
  #queuedEvents = 0;
  #queuedBytes = 0;
  /** Events of a revision whose rest comes in the next fragment. */
  #held: Event[] = [];

  constructor(runtime: Runtime, { range, from, history }: WatchPlan) {
    this.range = range;
    this.history = history;
    this.#next = from;
    this.#bell = new Bell(runtime);
  }

  /** Up to where all is queued. */
  get reached(): Revision {
    return revision(this.#next - 1n);
  }

  get createRequest(): WatchCreateRequest {
    return {
      key: this.range.key,
      rangeEnd: this.range.end ?? "",
      startRevision: this.#next,
      progressNotify: false,
      filters: [],
      prevKv: false,
      watchId: this.id,
      fragment: true,
    };
  }

  /** What the consumer has to hear next. */
  take(): Changes | undefined {
    const changes = this.#queue.shift();
    if (this.#queue.length === 0) {
      this.#queuedEvents = 0;
      this.#queuedBytes = 0;
    }
    return changes;
  }

  /** Until there is something to take or to look at, or the signal aborts. */
  changed(signal: AbortSignal): Promise<void> {
    return this.#bell.wait({ until: forever, signal });
  }

  /** No server tells it any more: what came of an unfinished revision will come again. */
  interrupt(): void {
    this.#held = [];
    if (this.state === "creating" || this.state === "open") this.state = "waiting";
  }

  /** Created "from now": now it is known when that is. */
  startedAt(header: Header): void {
    if (this.#next > 0n) return;
    this.#next = header.revision + 1n;
    this.#push({ kind: "progress", at: header });
  }

  tell(
    events: readonly Event[],
    { header, fragment }: { header: Header; fragment: boolean },
  ): void {
    const all = this.#held.length === 0 ? events : [...this.#held, ...events];
    const last = all.at(-1)?.kv?.modRevision ?? 0n;
    // The last revision of a fragment may go on in the next.
    const whole = fragment ? all.filter((event) => revisionOf(event) < last) : all;
    this.#held = fragment ? all.filter((event) => revisionOf(event) === last) : [];
    const fresh = whole.filter((event) => revisionOf(event) >= this.#next);
    const upTo = fresh.at(-1);
    if (upTo === undefined) return;
    // Not the header's revision: a server that catches up names its newest, having told up to an older one.
    const at = { cluster: header.cluster, revision: revision(revisionOf(upTo)) };
    this.#push({ kind: "changes", events: fresh.map(changeOf), at });
    this.#next = at.revision + 1n;
    this.#queuedEvents += fresh.length;
    this.#queuedBytes += fresh.reduce((sum, { kv }) => sum + (kv?.value.length ?? 0), 0);
  }

  /** Nothing happened up to the header's revision. */
  progress(at: Header): void {
    if (at.revision < this.reached || this.#held.length > 0) return;
    this.#next = at.revision + 1n;
    // A progress that was not fetched is replaced: the later one says more.
    if (this.#queue.at(-1)?.kind === "progress") this.#queue.pop();
    this.#push({ kind: "progress", at });
  }

  gap(compacted: Revision): void {
    this.state = "over";
    this.#push({ kind: "gap", compacted });
  }

  fail(error: Error): void {
    this.state = "over";
    this.failure = error;
    this.#bell.ring();
  }

  get full(): boolean {
    return this.#queuedEvents >= queuedEventsMax || this.#queuedBytes >= queuedMaxBytes;
  }

  #push(changes: Changes): void {
    this.#queue.push(changes);
    this.#bell.ring();
  }
}

export interface WatchPlan {
  readonly range: KeyRange;
  readonly from: Revision;
  readonly history: number;
}

function revisionOf(event: Event): bigint {
  return event.kv?.modRevision ?? 0n;
}

function changeOf(event: Event): Change {
  const { kv } = event;
  if (kv === undefined) throw new Error("etcd told an event without a key");
  if (event.type === Event_EventType.PUT) return { kind: "put", now: keyValueOf(kv) };
  return { kind: "delete", key: kv.key, revision: revision(kv.modRevision) };
}
