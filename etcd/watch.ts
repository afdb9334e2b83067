/**
 * All watches of this process. They share one stream, over the connection that all calls share; when either ends, or is
 * not to be believed, another is made and each watch goes on from where it was.
 */
import { after, forever } from "#core/runtime.ts";
import { Refusal } from "#core/refusal.ts";
import type { Changes, KeyRange, Revision } from "#core/store.ts";
import { Bell } from "#core/bell.ts";
import type { Caller } from "./caller.ts";
import type { Connection } from "./http2/connection.ts";
import { MessageStream } from "./http2/stream.ts";
import { methods } from "./methods.ts";
import { verdictOn } from "./status.ts";
import { WatchStream } from "./watch-stream.ts";
import { Watched } from "./watched.ts";

/** Each lock that is waited for behind another pod is one. */
export const watchesMax = 20_000;
const pauseMinMs = 50;
const pauseMaxMs = 1_000;
/** A stream that lived so long was a good one: after it, no pause is made. */
const soundAfterMs = 5_000;

export class Watches {
  readonly #caller: Caller;
  readonly #exactProgress: () => boolean;
  readonly #bell: Bell;
  readonly #all = new Set<Watched>();
  #stream: WatchStream | undefined;

  private constructor(caller: Caller, exactProgress: () => boolean) {
    this.#caller = caller;
    this.#exactProgress = exactProgress;
    this.#bell = new Bell(caller.runtime);
  }

  /** `exactProgress` tells of the server that is connected. */
  static start(caller: Caller, exactProgress: () => boolean): Watches {
    const watches = new Watches(caller, exactProgress);
    caller.tasks.run("etcd watches", (signal) => watches.#run(signal));
    return watches;
  }

  async *watch(
    range: KeyRange,
    from: Revision,
    signal: AbortSignal,
  ): AsyncGenerator<Changes, void, undefined> {
    const either = AbortSignal.any([signal, this.#caller.tasks.signal]);
    const over = () => either.aborted;
    if (over()) return;
    if (this.#all.size >= watchesMax) {
      throw new Refusal(
        "too_many_requests",
        `${watchesMax} watches of etcd are under way, the bound of a sidecar. Retry later.`,
      );
    }
    const { runtime, revisions } = this.#caller;
    const watched = new Watched(runtime, { range, from, history: revisions.histories });
    this.#all.add(watched);
    this.#create(watched);
    try {
      while (!over()) {
        const changes = watched.take();
        if (changes !== undefined) {
          yield changes;
          if (changes.kind === "gap") return;
        } else if (watched.failure !== undefined) throw watched.failure;
        else {
          this.#goOn(watched);
          await watched.changed(either);
        }
      }
    } finally {
      this.#all.delete(watched);
      watched.state = "over";
      this.#stream?.cancel(watched);
    }
  }

  /** The consumer has fetched all that waited for it. */
  #goOn(watched: Watched): void {
    if (watched.state !== "lagging") return;
    watched.state = "waiting";
    this.#create(watched);
  }

  #create(watched: Watched): void {
    if (this.#stream === undefined) this.#bell.ring();
    else this.#stream.create(watched);
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { endpoints, runtime } = this.#caller;
    let shortLived = 0;
    while (!signal.aborted) {
      if (this.#all.size === 0) {
        await this.#bell.wait({ until: forever, signal });
        continue;
      }
      const connection = await endpoints.ready(forever, signal);
      if (connection === undefined) continue;
      const openedAt = runtime.now();
      await this.#serve(connection);
      if (runtime.now() - openedAt >= soundAfterMs) shortLived = 0;
      // The first is made anew at once: most often only the connection went.
      if (shortLived > 0) await this.#pause(shortLived, signal);
      shortLived += 1;
    }
  }

  /** One stream over this connection, until it ends. */
  async #serve(connection: Connection): Promise<void> {
    const caller = this.#caller;
    const { token } = caller.tokens;
    const stream = MessageStream.open(connection, { method: methods.watch, token });
    if (stream === undefined) return;
    this.#stream = new WatchStream({ caller, stream, exactProgress: this.#exactProgress() });
    const close = () => {
      stream.close();
    };
    caller.tasks.signal.addEventListener("abort", close, { once: true });
    try {
      this.#createAll(this.#stream);
      await this.#stream.run();
      await this.#lookAtEnd(stream, this.#stream.badToken);
    } finally {
      caller.tasks.signal.removeEventListener("abort", close);
      this.#stream = undefined;
    }
  }

  #createAll(stream: WatchStream): void {
    const { histories, latest } = this.#caller.revisions;
    for (const watched of this.#all) {
      if (watched.state !== "waiting") continue;
      // What was seen belongs to a history that is over: no event leads from there to here.
      if (watched.history !== histories) watched.gap(latest.revision);
      else stream.create(watched);
    }
  }

  async #lookAtEnd(
    { failure, connection, token }: MessageStream<unknown, unknown>,
    badToken: boolean,
  ): Promise<void> {
    const { endpoints, tokens, runtime } = this.#caller;
    if (!connection.usable) return;
    const verdict = failure?.kind === "status" ? verdictOn(failure) : undefined;
    if (badToken || verdict?.kind === "again") {
      if (!tokens.renewable) return;
      try {
        await this.#caller.renewToken(token, connection);
      } catch (error) {
        runtime.log.warn("etcd: logging in failed", { reason: (error as Error).message });
      }
    } else if (verdict?.kind === "unknown") {
      endpoints.doubt(connection, `watch: ${verdict.reason.message}`);
    }
  }

  #pause(shortLived: number, signal: AbortSignal): Promise<void> {
    const { runtime } = this.#caller;
    const ms = Math.min(pauseMinMs * 2 ** Math.min(shortLived, 10), pauseMaxMs);
    const until = after(runtime.now(), ms * (0.5 + runtime.random() / 2));
    return new Bell(runtime).wait({ until, signal });
  }
}
