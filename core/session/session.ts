/**
 * One life of this process as etcd sees it: one lease, one session key, and all that hangs on them.
 *
 *   held ──(half of the time without an answer)──▶ jeopardy ──(deadline · key gone · lease gone · slept · etcd anew)──▶ lost
 *     ▲──────────────(a keepalive is answered)────────┘
 *
 * `lost` is one-way: an answer that comes later revives nothing. All grants end with it; the next session is another
 * object. What was promised to callers binds: the lease is kept alive no more, and is revoked only when the deadline that
 * promises were measured by has passed (sessions.ts).
 *
 * Starting writes: a lease, then the session key under it if it is absent. A lost answer of either leaves a lease that ends
 * by itself, and the start is tried again under another name.
 */
import {
  after,
  sleep,
  type Epoch as Wall,
  type Instant,
  type Runtime,
  type Timer,
} from "../runtime.ts";
import type { Outcome } from "../outcome.ts";
import { assert, Bug } from "../refusal.ts";
import type { Fact, Key, KeyRange, LeaseId, Revision, Store, Wait, WriteResult } from "../store.ts";
import { Tasks } from "../tasks.ts";
import { encodeJson } from "../json.ts";
import { auditLease } from "./audit.ts";
import { deadlineOf, jeopardyOf, slept, wallAheadMs, type SentBeat } from "./deadline.ts";
import { Epoch } from "./epoch.ts";
import { Intents } from "./intents.ts";
import { inboxOf, sessionKey } from "./keys.ts";
import { Seats } from "./seats.ts";

/** A session that nobody asks looks by itself so often whether it is still alive. */
const lookMs = 1_000;
const settleReadMs = 30_000;
const noteCounterDigits = 10;

export interface SessionParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly namespace: string;
  readonly pod: string;
  readonly ttlMs: number;
  /** A broken invariant: the process must end. */
  readonly onBug: (name: string, error: unknown) => void;
}

/** Must not throw, and must not ask anything of the session from within. */
export interface SessionObserver {
  /** Its trouble begins, or is over. */
  moved(inJeopardy: boolean): void;
}

export class SessionEnded extends Error {
  override readonly name = "SessionEnded";
}

/** What became of a put of a key that only its session writes. */
export type Settled =
  | { readonly kind: "done"; readonly created: Revision }
  /** It was not written, and never will be. */
  | { readonly kind: "refused" }
  /** The session ended, or the caller left, before it could be known. */
  | { readonly kind: "unknown" };

export class Session {
  readonly id: string;
  readonly key: Key;
  readonly lease: LeaseId;
  readonly startedAt: Wall;
  readonly intents: Intents;
  readonly seats: Seats;
  readonly #parts: SessionParts;
  readonly #epoch: Epoch;
  readonly #tasks: Tasks;
  readonly #ended = new AbortController();
  readonly #known = new Set<Key>();
  #beat: SentBeat;
  #alarm: Timer | undefined;
  #inJeopardy = false;
  #observer: SessionObserver | undefined;
  #counter = 0;

  /**
   * @returns the running session, or why there is none
   */
  static async start(
    parts: SessionParts,
    wait: Wait,
  ): Promise<Session | { readonly failed: string }> {
    const { runtime, store, namespace, pod } = parts;
    const ahead = wallAheadMs(runtime);
    const granted = await store.leases.grant(parts.ttlMs, wait);
    if (granted.kind !== "done") return { failed: `no lease: ${describe(granted)}` };
    const { lease, sentAt, ttlMs } = granted.value;
    const id = runtime.randomId(10);
    const key = sessionKey(namespace, id);
    const put = await store.write({
      given: [],
      when: [{ kind: "created", key, revision: 0n as Revision }],
      then: [{ kind: "putEphemeral", key, lease, value: encodeJson({ level: 1, pod }) }],
      otherwise: [],
      alone: true,
    });
    if (put.kind !== "done" || !put.value.held)
      return { failed: `no session key: ${describe(put)}` };
    const beat = { sentAt, wallAheadMs: ahead, ttlMs };
    if (runtime.now() >= deadlineOf(beat)) return { failed: "etcd answered too late" };
    return new Session(parts, { id, key, lease, beat, revision: put.at.revision });
  }

  private constructor(
    parts: SessionParts,
    own: { id: string; key: Key; lease: LeaseId; beat: SentBeat; revision: Revision },
  ) {
    const { runtime, store, pod } = parts;
    this.#parts = parts;
    this.id = own.id;
    this.key = own.key;
    this.lease = own.lease;
    this.startedAt = runtime.wallNow();
    this.#beat = own.beat;
    this.#known.add(own.key);
    const end = (reason: string) => {
      this.end(reason);
    };
    this.#epoch = new Epoch(
      {
        runtime,
        store,
        key: own.key,
        lease: own.lease,
        about: { level: 1, pod },
        ended: this.ended,
        end,
      },
      own.revision,
    );
    this.intents = new Intents(runtime, store);
    this.seats = new Seats(() => this.next());
    this.#tasks = new Tasks((name, error) => {
      if (error instanceof Bug) parts.onBug(`session ${name}`, error);
      this.end(`${name} failed: ${String(error)}`);
    });
    this.#tasks.run("keepalive", (signal) => this.#keepAlive(signal));
    this.#tasks.run("watch of the session key", (signal) => this.#watchKey(own.revision, signal));
    this.#tasks.run("intents", (signal) => this.intents.run((key) => this.forget(key), signal));
    this.#tasks.run("audit", (signal) =>
      auditLease(
        {
          runtime,
          store,
          lease: own.lease,
          known: this.#known,
          intents: this.intents,
          seats: this.seats,
          raises: () => this.raises,
        },
        signal,
      ),
    );
    this.#setAlarm();
  }

  /** Aborts, with a {@link SessionEnded}, when the session is lost or closed. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  get inJeopardy(): boolean {
    return this.#inJeopardy;
  }

  /** Told from now on. */
  observedBy(observer: SessionObserver): void {
    this.#observer = observer;
  }

  get knownKeys(): number {
    return this.#known.size;
  }

  get raises(): number {
    return this.#epoch.raises;
  }

  /** Until when stated guarantees may run. Only ever later, while the session lives. */
  get deadline(): Instant {
    return deadlineOf(this.#beat);
  }

  /** By then etcd has let go of its lease: a change of leader may give that a whole time to live once more. */
  get goneBy(): Instant {
    return after(this.deadline, 2 * this.#parts.ttlMs);
  }

  /**
   * Whether anything may still be granted or confirmed in this session's name. To be asked at the moment of the answer,
   * whatever was decided before.
   */
  isAlive(): boolean {
    if (this.#ended.signal.aborted) return false;
    const now = this.#parts.runtime.now();
    if (now >= this.deadline) this.end("etcd did not answer until the session's deadline");
    else if (slept(this.#beat, wallAheadMs(this.#parts.runtime))) {
      this.end("this machine was suspended, or its wall clock was set forward");
    }
    return !this.#ended.signal.aborted;
  }

  /** Given to every write of the session: it fails once the epoch was raised or the session is over. */
  holds(): Fact {
    return this.#epoch.fact();
  }

  get epoch(): Revision {
    return this.#epoch.revision;
  }

  /** A word that no other key of this session has: counted, of fixed width, so that order in time is order of text. */
  next(): string {
    this.#counter += 1;
    return String(this.#counter).padStart(noteCounterDigits, "0");
  }

  /** Whether {@link next} has given this word. */
  gave(counted: string): boolean {
    return Number(counted) <= this.#counter;
  }

  /**
   * Resolves when the session no longer stands at this epoch: a write was refused because its key moved on. That was a
   * raise of our own whose answer is on its way, or the session finds out who else it was, and ends.
   */
  async leaveEpoch(revision: Revision): Promise<void> {
    try {
      await this.#epoch.beyond(revision);
    } catch (error) {
      if (!this.ended.aborted) throw error;
    }
  }

  get inbox(): KeyRange {
    return inboxOf(this.#parts.namespace, this.id);
  }

  /** To be called before the put of an ephemeral key is sent. */
  know(key: Key): void {
    this.#known.add(key);
  }

  /** To be called when the key is certainly gone, or certainly was never written. */
  forget(key: Key): void {
    this.#known.delete(key);
  }

  /** The key must go: repeated until etcd confirms it. */
  remove(key: Key): void {
    if (!this.#ended.signal.aborted) this.intents.add(key);
  }

  /**
   * Tells for certain what became of a put of `key` whose answer was lost, where only this session writes that key: the
   * epoch that the write carried is left behind, then one linearizable read tells.
   */
  async settle(key: Key, sentUnder: Revision): Promise<Settled> {
    const { runtime, store } = this.#parts;
    try {
      await this.#epoch.beyond(sentUnder);
      for (;;) {
        const wait = { signal: this.ended, deadline: after(runtime.now(), settleReadMs) };
        const read = await store.read([{ key }], wait, this.#epoch.revision);
        this.ended.throwIfAborted();
        if (read.kind === "done") {
          const there = read.value.ranges[0]?.keys[0];
          if (there === undefined) return { kind: "refused" };
          if (there.createRevision > sentUnder)
            return { kind: "done", created: there.createRevision };
          // Made before this epoch, so not by that write: what etcd was restored with. It must go.
          this.remove(key);
          return { kind: "refused" };
        }
        await sleep(runtime, lookMs * runtime.random(), this.ended);
      }
    } catch (error) {
      if (this.ended.aborted && error === this.ended.reason) return { kind: "unknown" };
      throw error;
    }
  }

  /** The session is over, now and for good. Idempotent: the first reason stands. */
  end(reason: string): void {
    if (this.#ended.signal.aborted) return;
    this.#alarm?.cancel();
    this.#ended.abort(new SessionEnded(reason));
  }

  /** Ends the session and waits for its own work. The lease is left alone. */
  async close(): Promise<void> {
    this.end("closed");
    await this.#tasks.close();
  }

  async #keepAlive(signal: AbortSignal): Promise<void> {
    const { runtime, store, ttlMs } = this.#parts;
    const ended = AbortSignal.any([signal, this.ended]);
    while (!ended.aborted) {
      let ahead = wallAheadMs(runtime);
      for await (const beat of store.leases.keepAlive(this.lease, ttlMs / 3, ended)) {
        if (beat.kind === "gone") {
          this.end("its lease is gone from etcd");
          return;
        }
        // A beat that was sent before the machine slept says nothing of the time after it: the drift that it is
        // measured against is the one seen when the beat before it was answered.
        if (!this.isAlive()) return;
        // Answers may overtake each other; what was stated by the later one binds.
        if (beat.sentAt <= this.#beat.sentAt) continue;
        this.#beat = { sentAt: beat.sentAt, wallAheadMs: ahead, ttlMs: beat.ttlMs };
        ahead = wallAheadMs(runtime);
        this.#setAlarm();
      }
      if (!ended.aborted) await sleep(runtime, ttlMs / 10, ended);
    }
  }

  async #watchKey(from: Revision, signal: AbortSignal): Promise<void> {
    const { store } = this.#parts;
    const ended = AbortSignal.any([signal, this.ended]);
    let next = (from + 1n) as Revision;
    while (!ended.aborted) {
      for await (const changes of store.watch({ key: this.key }, next, ended)) {
        if (changes.kind === "gap") next = await this.#lookAtKey(ended);
        else if (
          changes.kind === "changes" &&
          changes.events.some((event) => event.kind === "delete")
        ) {
          this.end("its key was deleted from etcd");
          return;
        }
      }
    }
  }

  /** What a watch can not tell any more, a read tells: whether the key stands. Returns from where to watch on. */
  async #lookAtKey(ended: AbortSignal): Promise<Revision> {
    const { runtime, store } = this.#parts;
    for (;;) {
      ended.throwIfAborted();
      const wait = { signal: ended, deadline: after(runtime.now(), settleReadMs) };
      const read = await store.read([{ key: this.key, keysOnly: true }], wait);
      if (read.kind === "done") {
        if (read.value.ranges[0]?.count === 0) this.end("its key is gone from etcd");
        return (read.value.revision + 1n) as Revision;
      }
      await sleep(runtime, lookMs, ended);
    }
  }

  #setAlarm(): void {
    if (this.#ended.signal.aborted) return;
    const { runtime } = this.#parts;
    const now = runtime.now();
    const was = this.#inJeopardy;
    this.#inJeopardy = now >= jeopardyOf(this.#beat);
    if (was !== this.#inJeopardy) this.#observer?.moved(this.#inJeopardy);
    const nextChange = this.#inJeopardy ? this.deadline : jeopardyOf(this.#beat);
    this.#alarm?.cancel();
    this.#alarm = runtime.timer(Math.min(nextChange, after(now, lookMs)) as Instant, () => {
      const was = this.#inJeopardy;
      if (!this.isAlive()) return;
      this.#setAlarm();
      if (!was && this.#inJeopardy) {
        const deadlineInMs = Math.round(this.deadline - runtime.now());
        runtime.log.warn("the session is in jeopardy: etcd does not answer", {
          session: this.id,
          deadlineInMs,
        });
      }
    });
  }
}

function describe(outcome: Outcome<unknown> | Outcome<WriteResult>): string {
  if (outcome.kind === "done") return "the key exists already";
  const { reason } = outcome;
  assert(reason.code !== "stale", "a write without facts was refused as stale");
  return `${reason.message} (${reason.code})`;
}
