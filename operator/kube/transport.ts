/**
 * The port to the API server, on real connections: deadlines, repetition, credentials that changed, and what is counted.
 *
 * A request is sent again only where that does no harm: nothing was sent or taken (429), or the request is repeatable and
 * the connection broke, or the server failed and says when to come back. All attempts together are bounded by count and
 * by the request's deadline; a server that asks for more patience than that is told to the caller, with its wait. On 401
 * the credentials are read anew, and the request is sent once more where they have changed.
 */
import { after, sleep, type Instant, type Runtime } from "#core/runtime.ts";
import type { Api, ApiRequest, ByteStream } from "./api.ts";
import type { Access, Cluster } from "./cluster.ts";
import { Connections } from "./connections.ts";
import {
  done,
  isRefused,
  outcomeOfStatus,
  refused,
  retryAfterOf,
  unknown,
  type KubeOutcome,
  type KubeUnknown,
} from "./errors.ts";
import { exchange, exchangeStream, type Exchanged, type OpenStream } from "./exchange.ts";
import type { KubeMetrics } from "./metrics.ts";

/** A page of a list holds 500 objects, each of at most 1.5 MiB and mostly of 2 KiB. */
const answerBytesMaxDefault = 256 * 1024 * 1024;
const deadlineMsDefault = 30_000;
const attemptsMax = 5;
/** Between two attempts, where the server names no time; a server may ask for less than that only in words. */
const pauseMs = 250;

export interface TransportParts {
  readonly cluster: Cluster;
  readonly runtime: Runtime;
  readonly metrics: KubeMetrics;
  /** A longer answer is given up, as `tooLarge`; absent: 256 MiB. A stream has no such bound. */
  readonly answerBytesMax?: number;
}

type Send<T> = (access: Access, signal: AbortSignal) => Promise<KubeOutcome<T>>;

export class Transport implements Api, AsyncDisposable {
  readonly #parts: TransportParts;
  readonly #connections = new Connections();
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;

  constructor(parts: TransportParts) {
    this.#parts = parts;
  }

  async request(request: ApiRequest, signal: AbortSignal): Promise<KubeOutcome<unknown>> {
    const attempts = new Attempts(this.#parts.runtime, request);
    using ends = new Ends(this.#parts.runtime, [signal, this.#closing.signal], attempts.deadline);
    const send: Send<unknown> = async (access, until) =>
      outcomeOf(await this.#counted(request, access, (target) => exchange(target, request, until)));
    try {
      for (;;) {
        const outcome = await this.#authorized(send, ends);
        const waitMs = attempts.waitMs(outcome);
        if (waitMs === undefined) return outcome;
        this.#countRetry(request, outcome);
        await sleep(this.#parts.runtime, waitMs, ends.signal);
      }
    } catch (error) {
      return ends.outcomeOfLate(error);
    }
  }

  async stream(request: ApiRequest, signal: AbortSignal): Promise<KubeOutcome<ByteStream>> {
    const deadline = after(this.#parts.runtime.now(), request.deadlineMs ?? deadlineMsDefault);
    const ends = new Ends(this.#parts.runtime, [signal, this.#closing.signal], deadline);
    let open = false;
    try {
      const outcome = await this.#authorized<ByteStream>(async (access, until) => {
        const exchanged = await this.#counted(request, access, (target) =>
          exchangeStream(target, request, until),
        );
        return exchanged.kind === "stream" ? done(exchanged.stream) : failureOf(exchanged);
      }, ends);
      if (outcome.kind !== "done") return outcome;
      open = true;
      ends.forgetDeadline();
      return done(closing(outcome.value, ends));
    } catch (error) {
      return ends.outcomeOfLate(error);
    } finally {
      if (!open) ends[Symbol.dispose]();
    }
  }

  /** Requests under way end with an error. */
  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #end(): Promise<void> {
    this.#closing.abort(new Error("the transport is closed"));
    await this.#connections.close();
  }

  async #authorized<T>(send: Send<T>, ends: Ends): Promise<KubeOutcome<T>> {
    const access = await this.#access();
    if ("kind" in access) return access;
    const outcome = await send(access, ends.signal);
    if (!isRefused(outcome, "unauthorized")) return outcome;
    const renewed = await this.#parts.cluster.renewed(access);
    return renewed === access ? outcome : send(renewed, ends.signal);
  }

  async #access() {
    try {
      return await this.#parts.cluster.access();
    } catch (error) {
      return refused("notSent", error instanceof Error ? error.message : String(error));
    }
  }

  async #counted<T extends Exchanged | OpenStream>(
    request: ApiRequest,
    access: Access,
    send: (target: Parameters<typeof exchange>[0]) => Promise<T>,
  ): Promise<T> {
    const { runtime, metrics, answerBytesMax = answerBytesMaxDefault } = this.#parts;
    const { server, host, headers } = access;
    const startedAt = runtime.now();
    let code = "<error>";
    try {
      const dispatcher = this.#connections.dispatcher(access);
      const exchanged = await send({ server, headers, dispatcher, answerBytesMax });
      if (exchanged.kind === "answer") code = String(exchanged.status);
      else if (exchanged.kind === "stream") code = "200";
      // How long a watch lives is no latency.
      if (exchanged.kind !== "stream")
        metrics.requestSeconds(request.method, host).observe((runtime.now() - startedAt) / 1_000);
      return exchanged;
    } finally {
      metrics.requests(code, request.method, host).add();
    }
  }

  #countRetry(request: ApiRequest, outcome: KubeOutcome<unknown>): void {
    const { cluster, metrics } = this.#parts;
    metrics.requestRetries(codeOf(outcome), request.method, cluster.host).add();
  }
}

function codeOf(outcome: KubeOutcome<unknown>): string {
  if (outcome.kind === "done") return "200";
  const code = outcome.kind === "refused" ? outcome.refusal.code : outcome.silence.status;
  return code === 0 ? "<error>" : String(code);
}

function outcomeOf(exchanged: Exchanged): KubeOutcome<unknown> {
  if (exchanged.kind !== "answer") return exchanged;
  if (exchanged.status < 200 || exchanged.status > 299) return failureOf(exchanged);
  if (typeof exchanged.body === "object" && exchanged.body !== null) return done(exchanged.body);
  // It said yes to something, in a language that is not ours: a proxy's login page, for one.
  return unknown({ code: "failed", status: exchanged.status, message: "the answer is no JSON" });
}

function failureOf(exchanged: Exchanged) {
  return exchanged.kind === "answer"
    ? outcomeOfStatus(exchanged.status, exchanged.body, exchanged.retryAfter)
    : exchanged;
}

/** The stream, whose end lets go of what bounds it. */
function closing(stream: ByteStream, ends: Ends): ByteStream {
  const close = (): void => {
    stream.close();
    ends[Symbol.dispose]();
  };
  async function* chunks(): AsyncIterable<Uint8Array> {
    try {
      yield* stream.chunks;
    } finally {
      close();
    }
  }
  return { chunks: chunks(), close };
}

/** When, and whether, one request is sent again. */
class Attempts {
  readonly deadline: Instant;
  readonly #runtime: Runtime;
  readonly #repeatable: boolean;
  #made = 0;

  constructor(runtime: Runtime, request: ApiRequest) {
    this.#runtime = runtime;
    this.deadline = after(runtime.now(), request.deadlineMs ?? deadlineMsDefault);
    this.#repeatable = request.repeatable ?? request.method === "GET";
  }

  /** After one attempt; undefined: its outcome stands. */
  waitMs(outcome: KubeOutcome<unknown>): number | undefined {
    this.#made += 1;
    if (this.#made >= attemptsMax || !this.#again(outcome)) return undefined;
    const asked = retryAfterOf(outcome) ?? pauseMs * 2 ** (this.#made - 1);
    // All who were sent away together must not come back together.
    const waitMs = asked * (1 + this.#runtime.random() / 4);
    return this.#runtime.now() + waitMs < this.deadline ? waitMs : undefined;
  }

  #again(outcome: KubeOutcome<unknown>): boolean {
    if (outcome.kind === "done") return false;
    if (outcome.kind === "refused") return outcome.refusal.reason === "tooMany";
    const { code, retryAfterMs } = outcome.silence;
    return this.#repeatable && (code === "broken" || retryAfterMs !== undefined);
  }
}

/** What ends one request: its caller, the transport, or its deadline. */
class Ends implements Disposable {
  readonly #late: Error;
  readonly #controller = new AbortController();
  readonly #signals: readonly AbortSignal[];
  readonly #deadline: { cancel(): void };
  readonly #leave: (event: Event) => void;

  constructor(runtime: Runtime, signals: readonly AbortSignal[], deadline: Instant) {
    this.#signals = signals;
    this.#late = new Error(`no answer within ${Math.round(deadline - runtime.now())} ms`);
    this.#deadline = runtime.timer(deadline, () => {
      this.#controller.abort(this.#late);
    });
    this.#leave = ({ target }) => {
      this.#controller.abort((target as AbortSignal).reason);
    };
    for (const signal of signals) {
      signal.addEventListener("abort", this.#leave, { once: true });
      if (signal.aborted) this.#controller.abort(signal.reason);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What an attempt threw: the deadline is an outcome, all else is thrown on. */
  outcomeOfLate(error: unknown): KubeUnknown {
    if (error !== this.#late) throw error;
    return unknown({ code: "deadline", status: 0, message: this.#late.message });
  }

  forgetDeadline(): void {
    this.#deadline.cancel();
  }

  [Symbol.dispose](): void {
    this.#deadline.cancel();
    for (const signal of this.#signals) signal.removeEventListener("abort", this.#leave);
  }
}
