/**
 * One stream that carries all watches, from its opening to its end. The server answers requests to create in their
 * order, and refuses one by an answer without its id: so the order tells whom an answer is for.
 */
import type { Header } from "#core/outcome.ts";
import { Refusal } from "#core/refusal.ts";
import { after, type Instant, type Timer } from "#core/runtime.ts";
import { revision } from "#core/store.ts";
import type { Caller } from "./caller.ts";
import type { WatchRequest, WatchResponse } from "./codec/etcdserverpb/rpc.ts";
import { Freshness, progressEveryMs } from "./freshness.ts";
import type { MessageStream } from "./http2/stream.ts";
import { read } from "./read.ts";
import { watchCancelMeans } from "./status.ts";
import type { Watched } from "./watched.ts";

/** The id under which the server speaks of no watch, or of all. */
const noId = -1n;

export interface WatchStreamParts {
  readonly caller: Caller;
  readonly stream: MessageStream<WatchRequest, WatchResponse>;
  /** Whether the server's progress can be taken for the revision reached. */
  readonly exactProgress: boolean;
}

export class WatchStream {
  /** Why the server ended a watch that can be made anew, if it did: the stream ends with it. */
  badToken = false;
  readonly #parts: WatchStreamParts;
  readonly #byId = new Map<bigint, Watched>();
  readonly #creating: Watched[] = [];
  readonly #freshness: Freshness;
  #lastId = 0n;
  #ended = false;
  #look: Timer | undefined;

  constructor(parts: WatchStreamParts) {
    this.#parts = parts;
    this.#freshness = new Freshness(parts.caller.runtime.now());
  }

  create(watched: Watched): void {
    this.#lastId += 1n;
    watched.id = this.#lastId;
    watched.state = "creating";
    this.#byId.set(watched.id, watched);
    this.#creating.push(watched);
    this.#freshness.asked(this.#now());
    this.#send({ $case: "createRequest", value: watched.createRequest });
    this.#lookAgain();
  }

  /** What the server still tells of it is not listened to. */
  cancel(watched: Watched): void {
    if (this.#byId.get(watched.id) !== watched) return;
    this.#byId.delete(watched.id);
    this.#send({ $case: "cancelRequest", value: { watchId: watched.id } });
  }

  close(): void {
    this.#parts.stream.close();
  }

  /** Reads until the stream ends. */
  async run(): Promise<void> {
    try {
      for await (const response of this.#parts.stream.messages()) this.#take(response);
    } finally {
      this.#ended = true;
      this.#look?.cancel();
      for (const watched of this.#byId.values()) watched.interrupt();
      this.#byId.clear();
    }
  }

  #take(response: WatchResponse): void {
    const header = this.#parts.caller.revisions.headerOf(response.header);
    const { watchId, created, canceled, events } = response;
    const progress = !created && !canceled && events.length === 0;
    if (progress) this.#freshness.progressed(this.#now(), header.revision);
    else this.#freshness.heard(this.#now(), header.revision);
    if (progress) {
      this.#progressed(header, watchId);
      this.#lookAgain();
    } else if (created) this.#created(response, header);
    else {
      const watched = this.#byId.get(watchId);
      if (watched === undefined) return; // cancelled by us
      if (canceled) this.#cancelled(watched, response);
      else this.#told(watched, response, header);
    }
  }

  #created(response: WatchResponse, header: Header): void {
    const watched = this.#creating.shift();
    if (watched === undefined || this.#byId.get(watched.id) !== watched) return;
    if (response.canceled) this.#cancelled(watched, response);
    else {
      watched.state = "open";
      watched.startedAt(header);
    }
  }

  #told(watched: Watched, { events, fragment }: WatchResponse, header: Header): void {
    watched.tell(events, { header, fragment });
    if (!watched.full) return;
    this.cancel(watched);
    watched.interrupt();
    watched.state = "lagging";
  }

  #progressed(header: Header, watchId: bigint): void {
    if (!this.#parts.exactProgress) return;
    for (const watched of this.#byId.values()) {
      const meant = watchId === noId || watchId === watched.id;
      if (meant && watched.state === "open") watched.progress(header);
    }
  }

  #cancelled(watched: Watched, { compactRevision, cancelReason }: WatchResponse): void {
    this.#byId.delete(watched.id);
    if (compactRevision > 0n) {
      watched.gap(revision(compactRevision));
      return;
    }
    const meaning = watchCancelMeans(cancelReason);
    if (meaning === undefined) {
      const what = `watching ${watched.range.key} is refused by etcd: ${cancelReason}`;
      watched.fail(new Refusal("backend_refused", what));
      return;
    }
    watched.interrupt();
    this.#parts.caller.runtime.log.warn("etcd: a watch was cancelled", { reason: cancelReason });
    if (meaning === "badToken") this.badToken = true;
    this.close();
  }

  #send(request: NonNullable<WatchRequest["requestUnion"]>): void {
    this.#parts.stream.send({ requestUnion: request });
  }

  #lookAgain(): void {
    this.#look?.cancel();
    const { runtime } = this.#parts.caller;
    this.#look = runtime.timer(this.#freshness.lookAt, () => {
      this.#lookForLife();
    });
  }

  #lookForLife(): void {
    const { caller, stream } = this.#parts;
    // It is closing: no work may be begun any more.
    if (caller.tasks.signal.aborted) return;
    const now = this.#now();
    const doubt = this.#freshness.judge(now);
    if (doubt !== undefined) {
      caller.endpoints.doubt(stream.connection, doubt, true);
      this.close();
      return;
    }
    if (this.#byId.size > 0 && this.#freshness.due(now)) {
      const ahead = this.#aheadOfAll();
      if (ahead === undefined) this.#askProgress(now);
      else {
        this.#freshness.askedElsewhere(now);
        const name = "etcd: reading in the place of a watch's progress";
        caller.tasks.run(name, (signal) => this.#readInstead(ahead, signal));
      }
    } else if (this.#freshness.due(now)) return; // nobody watches: the next `create` looks again
    this.#lookAgain();
  }

  #askProgress(now: Instant): void {
    this.#freshness.askedProgress(now, this.#parts.caller.revisions.latest.revision);
    this.#send({ $case: "progressRequest", value: {} });
  }

  /** A watch that begins behind all that is known to be written: etcd may owe no progress. */
  #aheadOfAll(): Watched | undefined {
    const { revision: latest } = this.#parts.caller.revisions.latest;
    for (const watched of this.#byId.values()) if (watched.reached >= latest) return watched;
    return undefined;
  }

  /** Nothing was written since: nothing was missed. Else progress is owed from here on. */
  async #readInstead({ range }: Watched, signal: AbortSignal): Promise<void> {
    const { caller } = this.#parts;
    const wait = { signal, deadline: after(this.#now(), progressEveryMs) };
    const ranges = [{ key: range.key, limit: 1, keysOnly: true }];
    await read(caller, { ranges, wait, atLeast: undefined });
    if (this.#ended || this.#aheadOfAll() !== undefined) return;
    this.#askProgress(this.#now());
    this.#lookAgain();
  }

  #now(): Instant {
    return this.#parts.caller.runtime.now();
  }
}
