/**
 * Keeps one lease alive: a beat at once and every `everyMs`, over one stream.
 *
 * A server answers the beats of a stream in their order, so an answer is that of the oldest beat without one, and counts
 * from when *that* was sent. A beat without an answer when the next is due makes the connection doubtful; when another
 * takes its place the stream ends with all its beats, and the next goes out at once over the new one. What an old stream
 * still says is not listened to, so no answer is ever taken for a later beat's.
 */
import { after, forever, type Instant } from "#core/runtime.ts";
import type { Beat, LeaseId } from "#core/store.ts";
import { Bell } from "#core/bell.ts";
import type { Caller } from "./caller.ts";
import type { LeaseKeepAliveRequest, LeaseKeepAliveResponse } from "./codec/etcdserverpb/rpc.ts";
import type { Connection } from "./http2/connection.ts";
import { MessageStream } from "./http2/stream.ts";
import { methods } from "./methods.ts";
import { verdictOn } from "./status.ts";

/** How soon after a stream that ended by itself the next is tried. */
const reopenMs = 50;
/** Beats on one stream without an answer: with more, the stream is given up. */
const unansweredMax = 8;

export interface HeartbeatPlan {
  readonly lease: LeaseId;
  readonly everyMs: number;
  readonly signal: AbortSignal;
}

type BeatStream = MessageStream<LeaseKeepAliveRequest, LeaseKeepAliveResponse>;

export class Heartbeat {
  readonly #caller: Caller;
  readonly #plan: HeartbeatPlan;
  readonly #signal: AbortSignal;
  readonly #bell: Bell;
  /** The latest that was answered and not fetched: one that comes later tells all that it told. */
  #answered: Beat | undefined;
  #stream: BeatStream | undefined;
  /** When each beat of the stream that has no answer was sent, oldest first. */
  #unanswered: Instant[] = [];
  #nextAt: Instant;
  #closed = false;

  constructor(caller: Caller, plan: HeartbeatPlan) {
    this.#caller = caller;
    this.#plan = plan;
    this.#signal = AbortSignal.any([plan.signal, caller.tasks.signal]);
    this.#bell = new Bell(caller.runtime);
    this.#nextAt = caller.runtime.now();
  }

  /** Beats until it is closed, or the signal aborts, whether anybody fetches the answers or not. */
  async run(): Promise<void> {
    const { runtime } = this.#caller;
    const over = () => this.#signal.aborted || this.#closed;
    while (!over()) {
      if (runtime.now() >= this.#nextAt) await this.#beat();
      else await this.#bell.wait({ until: this.#nextAt, signal: this.#signal });
    }
    this.#drop();
  }

  /** The next beat that was answered; undefined when the signal has aborted. */
  async next(): Promise<Beat | undefined> {
    while (!this.#signal.aborted) {
      const beat = this.#answered;
      this.#answered = undefined;
      if (beat !== undefined) return beat;
      await this.#bell.wait({ until: forever, signal: this.#signal });
    }
    return undefined;
  }

  close(): void {
    this.#closed = true;
    this.#bell.ring();
  }

  /** The stream, and all that would still be answered on it. */
  #drop(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#unanswered = [];
    stream?.close();
  }

  async #beat(): Promise<void> {
    const { runtime, endpoints } = this.#caller;
    if (this.#stream !== undefined && this.#unanswered.length > 0) this.#missed(this.#stream);
    this.#nextAt = after(runtime.now(), this.#plan.everyMs);
    const connection = await endpoints.ready(this.#nextAt, this.#signal);
    if (connection === undefined || this.#signal.aborted) return;
    const stream = this.#stream ?? this.#open(connection);
    if (stream === undefined) {
      this.#nextAt = after(runtime.now(), reopenMs);
      return;
    }
    const now = runtime.now();
    this.#unanswered.push(now);
    this.#nextAt = after(now, this.#plan.everyMs);
    stream.send({ ID: this.#plan.lease });
  }

  #missed(stream: BeatStream): void {
    this.#caller.endpoints.doubt(stream.connection, "a keepalive got no answer in time");
    if (this.#unanswered.length >= unansweredMax) this.#drop();
  }

  #open(connection: Connection): BeatStream | undefined {
    const { token } = this.#caller.tokens;
    const stream = MessageStream.open(connection, { method: methods.leaseKeepAlive, token });
    if (stream === undefined) return undefined;
    this.#stream = stream;
    this.#caller.tasks.run("etcd keepalive", () => this.#listen(stream));
    return stream;
  }

  async #listen(stream: BeatStream): Promise<void> {
    for await (const response of stream.messages()) {
      if (stream !== this.#stream) return;
      this.#take(response, stream);
    }
    if (stream === this.#stream) await this.#ended(stream);
  }

  #take(response: LeaseKeepAliveResponse, stream: BeatStream): void {
    const sentAt = this.#unanswered.shift();
    if (sentAt === undefined) return; // nobody's: it was not asked for
    this.#caller.endpoints.answered(stream.connection, sentAt);
    if (response.TTL <= 0n) this.#answered = { kind: "gone" };
    else {
      const at = this.#caller.revisions.headerOf(response.header);
      this.#answered = { kind: "alive", sentAt, ttlMs: Number(response.TTL) * 1_000, at };
    }
    this.#bell.ring();
  }

  /** The stream ended by itself: the beat goes out again, shortly after. */
  async #ended(stream: BeatStream): Promise<void> {
    const { runtime, endpoints, tokens } = this.#caller;
    const { failure, connection } = stream;
    this.#drop();
    const soon = after(runtime.now(), reopenMs);
    if (soon < this.#nextAt) this.#nextAt = soon;
    if (failure?.kind === "status" && connection.usable) {
      runtime.log.warn("etcd: keeping the lease alive failed", { reason: failure.message });
      const verdict = verdictOn(failure);
      if (verdict.kind === "again" && tokens.renewable) await this.#logIn(stream);
      else if (verdict.kind === "unknown") {
        endpoints.doubt(connection, `keepalive: ${failure.message}`);
      }
    }
    this.#bell.ring();
  }

  async #logIn({ token, connection }: BeatStream): Promise<void> {
    try {
      await this.#caller.renewToken(token, connection);
    } catch (error) {
      const reason = (error as Error).message;
      this.#caller.runtime.log.warn("etcd: logging in failed", { reason });
    }
  }
}
