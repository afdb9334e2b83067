/**
 * One HTTP/2 connection to one etcd endpoint.
 *
 *     (open) → ready → draining → closed
 *                  ↘──────────────↗
 *
 * - `open` resolves once the server's settings have come: a server that accepts and says nothing is no connection.
 * - ready: takes calls. While calls are open and nothing is heard, it pings; a ping without an answer closes it.
 * - draining (GOAWAY, or its owner distrusts it): takes no new call, those under way may end; `leaving` has aborted,
 *   upon which streams move elsewhere. Closes when the last call ends, at the latest after `drainMaxMs`.
 * - closed: every call under way has ended, broken; also because the server broke the protocol.
 *
 * What frames mean is in {@link file://./session.ts}; here are the socket and time.
 */
import type { Socket } from "node:net";
import { after, type Instant, type Runtime, type Timer } from "#core/runtime.ts";
import type { Exchange, ExchangePlan } from "./exchange.ts";
import type { RequestField } from "./hpack-encoder.ts";
import { Session, type SessionEvents } from "./session.ts";
import { type Dial, dialOf, type Place } from "./socket.ts";

export interface ConnectionParts extends Place {
  readonly runtime: Runtime;
}

export interface RequestPlan extends ExchangePlan {
  readonly path: string;
}

/** How long a server may take to accept and to send its settings. */
const openMaxMs = 3_000;
const drainMaxMs = 30_000;
/** Without calls open none is sent: etcd takes pings on an idle connection for abuse, and those oftener than every 5 s. */
const pingAfterSilenceMs = 10_000;
const pingAnswerMaxMs = 5_000;
/** How long the last words may take to be written, before the socket is destroyed with them. */
const hangUpMaxMs = 1_000;

type State =
  | { readonly kind: "opening" }
  | { readonly kind: "ready" }
  | { readonly kind: "draining"; readonly limit: Timer }
  | { readonly kind: "closed" };

export class Connection {
  readonly endpoint: string;
  readonly openedAt: Instant;
  readonly #runtime: Runtime;
  readonly #session: Session;
  readonly #socket: Socket;
  /** What all requests begin with. */
  readonly #fields: readonly RequestField[];
  readonly #leaving = new AbortController();
  readonly #settled = Promise.withResolvers<void>();
  readonly #gone = Promise.withResolvers<void>();
  #state: State = { kind: "opening" };
  #reason = "";
  #heardAt: Instant;
  /** When next something is due: the opening's end, a look for life, a ping's answer, the end of hanging up. */
  #due: Timer;

  private constructor({ endpoint, runtime }: ConnectionParts, dial: Dial) {
    const { protocol, host } = new URL(endpoint);
    this.endpoint = endpoint;
    this.#fields = [
      { name: ":method", value: "POST" },
      { name: ":scheme", value: protocol.slice(0, -1) },
      { name: ":authority", value: host },
    ];
    this.#runtime = runtime;
    this.openedAt = runtime.now();
    this.#heardAt = this.openedAt;
    const socket = dial({
      connected: (problem) => {
        if (problem === undefined) this.#session.start();
        else void this.close(problem);
      },
      received: (bytes) => {
        this.#receive(bytes);
      },
    });
    this.#socket = socket;
    this.#session = new Session({
      wire: {
        write: (bytes) => void socket.write(bytes),
        get backlogBytes() {
          return socket.writableLength;
        },
      },
      hears: this.#sessionEvents(),
    });
    socket.on("drain", () => {
      this.#session.goOn();
    });
    socket.on("error", (error) => {
      this.#reason ||= messageOf(error);
    });
    socket.once("close", () => {
      this.#end("the server closed the connection");
      this.#due.cancel();
      this.#gone.resolve();
    });
    this.#due = this.#in(openMaxMs, () => {
      void this.close(`no connection within ${openMaxMs} ms`);
    });
  }

  /** Throws what stood in the way. */
  static async open(parts: ConnectionParts, signal: AbortSignal): Promise<Connection> {
    const dial = await dialOf(parts);
    signal.throwIfAborted();
    const connection = new Connection(parts, dial);
    const leave = () => void connection.close("it is not needed any more");
    signal.addEventListener("abort", leave, { once: true });
    try {
      await connection.#settled.promise;
      return connection;
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  /** Takes new calls. */
  get usable(): boolean {
    return this.#state.kind === "ready";
  }

  /** Aborts, with the reason, when new calls are to be made elsewhere. */
  get leaving(): AbortSignal {
    return this.#leaving.signal;
  }

  /** Why it drains or is closed. */
  get reason(): string {
    return this.#reason;
  }

  /** Begins an exchange. A string: nothing was or will be sent, for this reason. */
  request({ path, fields, listener, message }: RequestPlan): Exchange | string {
    if (this.#state.kind !== "ready") return this.#reason;
    const head = [...this.#fields, { name: ":path", value: path }, ...fields];
    const exchange = this.#session.request({ fields: head, listener, message });
    return exchange ?? "too much waits to be sent";
  }

  drain(reason: string): void {
    if (this.#state.kind !== "ready") return;
    const limit = this.#in(drainMaxMs, () => void this.close());
    this.#state = { kind: "draining", limit };
    this.#reason ||= reason;
    this.#leaving.abort(new Error(this.#reason));
    this.#closeWhenIdle();
  }

  /** Tells once when it is closed. */
  whenClosed(tell: () => void): void {
    void this.#gone.promise.then(tell);
  }

  /** Calls under way end broken. */
  close(reason = "the client was closed"): Promise<void> {
    if (this.usable || this.#state.kind === "draining") this.#session.sayGoodbye();
    this.#end(reason);
    this.#socket.destroy();
    return this.#gone.promise;
  }

  #sessionEvents(): SessionEvents {
    return {
      settled: () => {
        this.#state = { kind: "ready" };
        this.#lookLater(pingAfterSilenceMs);
        this.#settled.resolve();
      },
      ponged: () => {
        this.#lookLater(pingAfterSilenceMs);
      },
      goodbye: (reason) => {
        this.drain(reason);
      },
      idle: () => {
        this.#closeWhenIdle();
      },
      failed: (reason) => {
        this.#hangUp(reason);
      },
    };
  }

  /** What is to be written meanwhile goes out in one piece. */
  #receive(bytes: Uint8Array): void {
    this.#heardAt = this.#runtime.now();
    this.#socket.cork();
    this.#session.receive(bytes);
    this.#socket.uncork();
  }

  #end(reason: string): void {
    if (this.#state.kind === "closed") return;
    if (this.#state.kind === "draining") this.#state.limit.cancel();
    this.#state = { kind: "closed" };
    this.#reason ||= reason;
    this.#due.cancel();
    this.#session.end(this.#reason);
    this.#settled.reject(new Error(this.#reason));
    this.#leaving.abort(new Error(this.#reason));
  }

  /** All has been said: what is written may still go out, unless the server never takes it. */
  #hangUp(reason: string): void {
    this.#end(reason);
    this.#socket.destroySoon();
    this.#due = this.#in(hangUpMaxMs, () => this.#socket.destroy());
  }

  #closeWhenIdle(): void {
    if (this.#state.kind !== "draining" || !this.#session.idle) return;
    this.#session.sayGoodbye();
    this.#hangUp(this.#reason);
  }

  #lookLater(ms: number): void {
    this.#due.cancel();
    this.#due = this.#in(ms, () => {
      this.#lookForLife();
    });
  }

  #lookForLife(): void {
    const silentMs = this.#runtime.now() - this.#heardAt;
    if (this.#session.idle) this.#lookLater(pingAfterSilenceMs);
    else if (silentMs < pingAfterSilenceMs) this.#lookLater(pingAfterSilenceMs - silentMs);
    else this.#ping();
  }

  #ping(): void {
    this.#due = this.#in(pingAnswerMaxMs, () => {
      void this.close(`no answer to a ping within ${pingAnswerMaxMs} ms`);
    });
    this.#session.ping();
  }

  #in(ms: number, act: () => void): Timer {
    return this.#runtime.timer(after(this.#runtime.now(), ms), act);
  }
}

/** `localhost` can fail once for each address: the message then lies in the parts. */
export function messageOf(error: Error): string {
  if (error instanceof AggregateError && error.message === "") {
    return error.errors.map((one: Error) => one.message).join("; ");
  }
  return error.message;
}
