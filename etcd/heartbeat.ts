/**
 * Keeps one lease alive: a beat at once and every `everyMs`, over one stream.
 *
 * At most one beat is under way on a stream, so an answer is that beat's, and counts from when it was *sent*. A beat
 * without an answer when the next is due takes its stream with it: the connection is distrusted, the next beat goes
 * over another, and what the old stream still says is not listened to. So no answer is ever taken for a later beat's.
 */
import { after, type Instant } from "#core/runtime.ts";
import type { Beat, LeaseId } from "#core/store.ts";
import { Bell } from "./bell.ts";
import type { Caller } from "./caller.ts";
import type { LeaseKeepAliveRequest, LeaseKeepAliveResponse } from "./codec/etcdserverpb/rpc.ts";
import type { Connection } from "./http2/connection.ts";
import { MessageStream } from "./http2/stream.ts";
import { methods } from "./methods.ts";
import { verdictOn } from "./status.ts";

/** How soon after a stream that ended by itself the next is tried. */
const reopenMs = 50;

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
  /** Of the beat without an answer. */
  #sentAt: Instant | undefined;
  #nextAt: Instant;

  constructor(caller: Caller, plan: HeartbeatPlan) {
    this.#caller = caller;
    this.#plan = plan;
    this.#signal = AbortSignal.any([plan.signal, caller.tasks.signal]);
    this.#bell = new Bell(caller.runtime);
    this.#nextAt = caller.runtime.now();
  }

  /** The next beat that was answered; undefined when the signal has aborted. */
  async next(): Promise<Beat | undefined> {
    const { runtime } = this.#caller;
    while (!this.#signal.aborted) {
      const beat = this.#answered;
      this.#answered = undefined;
      if (beat !== undefined) return beat;
      if (runtime.now() >= this.#nextAt) await this.#beat();
      else await this.#bell.wait({ until: this.#nextAt, signal: this.#signal });
    }
    return undefined;
  }

  close(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#sentAt = undefined;
    stream?.close();
  }

  async #beat(): Promise<void> {
    const { runtime, endpoints } = this.#caller;
    if (this.#sentAt !== undefined) this.#giveUp();
    this.#nextAt = after(runtime.now(), this.#plan.everyMs);
    const connection = await endpoints.ready(this.#nextAt, this.#signal);
    if (connection === undefined || this.#signal.aborted) return;
    const stream = this.#stream ?? this.#open(connection);
    if (stream === undefined) {
      this.#nextAt = after(runtime.now(), reopenMs);
      return;
    }
    this.#sentAt = runtime.now();
    this.#nextAt = after(this.#sentAt, this.#plan.everyMs);
    stream.send({ ID: this.#plan.lease });
  }

  #giveUp(): void {
    const stream = this.#stream;
    this.close();
    if (stream === undefined) return;
    this.#caller.endpoints.distrust(stream.connection, "a keepalive got no answer in time");
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
      this.#take(response);
    }
    if (stream === this.#stream) await this.#ended(stream);
  }

  #take(response: LeaseKeepAliveResponse): void {
    const sentAt = this.#sentAt;
    if (sentAt === undefined) return; // nobody's: it was not asked for
    this.#sentAt = undefined;
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
    this.close();
    const soon = after(runtime.now(), reopenMs);
    if (soon < this.#nextAt) this.#nextAt = soon;
    if (failure?.kind === "status" && connection.usable) {
      runtime.log.warn("etcd: keeping the lease alive failed", { reason: failure.message });
      const verdict = verdictOn(failure);
      if (verdict.kind === "again" && tokens.renewable) await this.#logIn(stream);
      else if (verdict.kind === "unknown") {
        endpoints.distrust(connection, `keepalive: ${failure.message}`, true);
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
