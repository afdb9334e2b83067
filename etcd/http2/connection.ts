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
 * - closed: every call under way has ended, broken.
 */
import http2 from "node:http2";
import { type Socket, connect as connectTcp, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import { after, type Instant, type Runtime, type Timer } from "#core/runtime.ts";
import type { TlsMaterial } from "../tls.ts";

export interface ConnectionParts {
  /** `http://host:port` or `https://host:port`. */
  readonly endpoint: string;
  readonly runtime: Runtime;
  readonly tls?: TlsMaterial | undefined;
}

/** How long a server may take to accept and to send its settings. */
const openMaxMs = 3_000;
const drainMaxMs = 30_000;
/** Without calls open none is sent: etcd takes pings on an idle connection for abuse, and those oftener than every 5 s. */
const pingAfterSilenceMs = 10_000;
const pingAnswerMaxMs = 5_000;
/** A watch that falls behind must not slow the others: its own window bounds what may lie here unread. */
const streamWindowBytes = 4 * 1024 * 1024;
const connectionWindowBytes = 64 * 1024 * 1024;
/** Node refuses new streams when more than this waits to be sent. */
const sessionMemoryMaxMegabytes = 128;

type State =
  | { readonly kind: "ready" }
  | { readonly kind: "draining"; readonly limit: Timer }
  | { readonly kind: "closed" };

export class Connection {
  readonly endpoint: string;
  readonly openedAt: Instant;
  readonly #runtime: Runtime;
  readonly #session: http2.ClientHttp2Session;
  readonly #socket: Socket;
  readonly #leaving = new AbortController();
  readonly #gone: Promise<void>;
  #state: State = { kind: "ready" };
  #reason = "";
  #streams = 0;
  #heardAt: Instant;
  #look: Timer;

  private constructor(
    parts: ConnectionParts,
    { session, socket }: { session: http2.ClientHttp2Session; socket: Socket },
  ) {
    this.#socket = socket;
    this.endpoint = parts.endpoint;
    this.#runtime = parts.runtime;
    this.#session = session;
    this.openedAt = parts.runtime.now();
    this.#heardAt = this.openedAt;
    this.#look = this.#lookLater(pingAfterSilenceMs);
    session.setLocalWindowSize(connectionWindowBytes);
    this.#gone = new Promise((resolve) => {
      session.once("close", () => {
        this.#become({ kind: "closed" }, "the connection was closed");
        resolve();
      });
    });
    session.on("error", (error: Error) => {
      this.#reason ||= messageOf(error);
    });
    session.on("goaway", (code: number, _last: number, data?: Uint8Array) => {
      const why = data === undefined ? "" : ` (${new TextDecoder().decode(data)})`;
      this.drain(`the server said goodbye, code ${code}${why}`);
    });
  }

  /** Throws what stood in the way. */
  static async open(parts: ConnectionParts, signal: AbortSignal): Promise<Connection> {
    signal.throwIfAborted();
    const socket = socketTo(parts);
    const session = http2.connect(parts.endpoint, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: streamWindowBytes },
      maxSessionMemory: sessionMemoryMaxMegabytes,
    });
    try {
      await settingsOf(session, { runtime: parts.runtime, signal });
      return new Connection(parts, { session, socket });
    } catch (error) {
      session.on("error", ignoreLater);
      session.destroy();
      socket.destroy();
      throw error;
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

  /** Opens a stream; undefined: nothing was or will be sent. */
  request(headers: http2.OutgoingHttpHeaders): http2.ClientHttp2Stream | undefined {
    if (this.#state.kind !== "ready" || this.#session.closed || this.#session.destroyed) {
      return undefined;
    }
    try {
      const stream = this.#session.request(headers);
      this.#streams += 1;
      stream.once("close", () => {
        this.#streams -= 1;
        this.#closeWhenIdle();
      });
      return stream;
    } catch (error) {
      // The session is going; its own events say why.
      this.#reason ||= messageOf(error as Error);
      return undefined;
    }
  }

  /** Something came from the server. */
  heard(): void {
    this.#heardAt = this.#runtime.now();
  }

  drain(reason: string): void {
    if (this.#state.kind !== "ready") return;
    const limit = this.#runtime.timer(after(this.#runtime.now(), drainMaxMs), () => {
      this.#destroy();
    });
    this.#become({ kind: "draining", limit }, reason);
    this.#closeWhenIdle();
  }

  /** Tells once when it is closed. */
  whenClosed(tell: () => void): void {
    void this.#gone.then(tell);
  }

  /** Calls under way end broken. */
  close(reason = "the client was closed"): Promise<void> {
    this.#reason ||= reason;
    this.#destroy();
    return this.#gone;
  }

  /** A session that says goodbye waits for the other side to hang up, which may never happen. */
  #destroy(): void {
    this.#session.destroy();
    this.#socket.destroy();
  }

  #become(state: State, reason: string): void {
    if (this.#state.kind === "draining") this.#state.limit.cancel();
    if (state.kind === "closed") this.#look.cancel();
    this.#state = state;
    this.#reason ||= reason;
    this.#leaving.abort(new Error(this.#reason));
  }

  #closeWhenIdle(): void {
    if (this.#state.kind === "draining" && this.#streams === 0) this.#session.close();
  }

  #lookLater(ms: number): Timer {
    return this.#runtime.timer(after(this.#runtime.now(), ms), () => {
      this.#lookForLife();
    });
  }

  #lookForLife(): void {
    const silentMs = this.#runtime.now() - this.#heardAt;
    if (this.#streams === 0) this.#look = this.#lookLater(pingAfterSilenceMs);
    else if (silentMs < pingAfterSilenceMs) {
      this.#look = this.#lookLater(pingAfterSilenceMs - silentMs);
    } else this.#ping();
  }

  #ping(): void {
    this.#look = this.#runtime.timer(after(this.#runtime.now(), pingAnswerMaxMs), () => {
      void this.close(`no answer to a ping within ${pingAnswerMaxMs} ms`);
    });
    this.#session.ping((error) => {
      if (error !== null || this.#state.kind === "closed") return;
      this.heard();
      this.#look.cancel();
      this.#look = this.#lookLater(pingAfterSilenceMs);
    });
  }
}

interface SettingsWait {
  readonly runtime: Runtime;
  readonly signal: AbortSignal;
}

/** Ours, so that it can be destroyed whatever state the session is in. */
function socketTo({ endpoint, tls }: ConnectionParts): Socket {
  const url = new URL(endpoint);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const secure = url.protocol === "https:";
  const port = url.port === "" ? (secure ? 443 : 80) : Number(url.port);
  if (!secure) return connectTcp({ host, port, noDelay: true });
  const name = isIP(host) === 0 ? { servername: host } : {};
  return connectTls({ host, port, ALPNProtocols: ["h2"], ...name, ...tls });
}

/** Resolves when the server's settings are there. */
function settingsOf(
  session: http2.ClientHttp2Session,
  { runtime, signal }: SettingsWait,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (error?: Error) => {
      timer.cancel();
      signal.removeEventListener("abort", aborted);
      session.removeListener("remoteSettings", settled);
      session.removeListener("error", end);
      session.removeListener("close", closed);
      if (error === undefined) resolve();
      else reject(error);
    };
    const settled = () => {
      end();
    };
    const closed = () => {
      end(new Error("the server closed the connection"));
    };
    const aborted = () => {
      end(signal.reason as Error);
    };
    const timer = runtime.timer(after(runtime.now(), openMaxMs), () => {
      end(new Error(`no connection within ${openMaxMs} ms`));
    });
    session.once("remoteSettings", settled);
    session.once("error", end);
    session.once("close", closed);
    signal.addEventListener("abort", aborted, { once: true });
  });
}

/** `localhost` can fail once for each address: the message then lies in the parts. */
export function messageOf(error: Error): string {
  if (error instanceof AggregateError && error.message === "") {
    return error.errors.map((one: Error) => one.message).join("; ");
  }
  return error.message;
}

/** A session that is given up tells once more that it failed; `open` has thrown what matters. */
function ignoreLater(): void {
  return undefined;
}
