/** A port of the operator, by TLS, as every replica has two: one for sidecars, one for the API server. */
import { createServer, type Server } from "node:https";
import type { Express } from "express";
import type { Runtime } from "#core/runtime.ts";
import type { Address } from "#host/address.ts";
import { listen } from "#host/listen.ts";
import { tlsVersionMin, type Serving } from "./serving.ts";

export interface TlsDoorParts {
  readonly runtime: Runtime;
  readonly serving: Pick<Serving, "secure">;
  readonly address: Address;
  readonly option: { readonly env: string };
  /** What is done there: for messages. */
  readonly called: string;
  /** How long a connection without a request is kept; absent: 5 s. */
  readonly keepAliveMs?: number;
  /** The signal aborts what is under way when the door has closed. */
  readonly app: (closing: AbortSignal) => Express;
}

const timeouts = {
  handshakeTimeout: 5_000,
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
} as const;
const connectionsMax = 1_024;
const headerBytesMax = 16 * 1024;
/** Answers that are under way when it closes. */
const lastMs = 1_000;

interface Manner {
  lastAnswers: boolean;
}

export class TlsDoor implements AsyncDisposable {
  readonly addresses: readonly string[];
  readonly #called: string;
  readonly #servers: readonly Server[];
  readonly #attached = new DisposableStack();
  readonly #closing: AbortController;
  readonly #manner: Manner;
  #closed: Promise<void> | undefined;

  private constructor(
    { called, serving }: TlsDoorParts,
    { addresses, servers }: { addresses: readonly string[]; servers: readonly Server[] },
    { closing, manner }: { closing: AbortController; manner: Manner },
  ) {
    this.#manner = manner;
    this.addresses = addresses;
    this.#called = called;
    this.#servers = servers;
    this.#closing = closing;
    for (const server of servers) this.#attached.use(serving.secure(server));
  }

  /** Throws ListenRefused. */
  static async start(parts: TlsDoorParts): Promise<TlsDoor> {
    const { address, option, runtime, called } = parts;
    const { keepAliveMs: keepAliveTimeout = timeouts.keepAliveTimeout } = parts;
    const closing = new AbortController();
    const manner: Manner = { lastAnswers: false };
    const app = parts.app(closing.signal);
    const make = (): Server => {
      const settings = { minVersion: tlsVersionMin, maxHeaderSize: headerBytesMax };
      const server = createServer({ ...timeouts, keepAliveTimeout, ...settings });
      server.on("request", (_request, response) => {
        if (manner.lastAnswers) response.setHeader("Connection", "close");
      });
      server.on("request", app);
      server.maxConnections = connectionsMax;
      // Anybody may knock: what comes of it is his.
      server.on("tlsClientError", (error) => {
        runtime.log.debug("a handshake failed", { port: called, error: error.message });
      });
      return server;
    };
    return new TlsDoor(parts, await listen({ address, option, make }), { closing, manner });
  }

  /** Why nobody can come in; undefined: it listens. */
  problem(): string | undefined {
    return this.#closed === undefined && this.#servers.every((server) => server.listening)
      ? undefined
      : `the port of ${this.#called} does not listen`;
  }

  /**
   * From now on each answer is the last one on its connection, so that whoever asks again connects anew: to another replica,
   * once no more is sent here. A connection that was just closed under a request would refuse somebody's pod.
   */
  drain(): void {
    this.#manner.lastAnswers = true;
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #end(): Promise<void> {
    const ended = this.#servers.map(
      (server) =>
        new Promise<void>((resolve) => {
          server.close(() => {
            resolve();
          });
        }),
    );
    for (const server of this.#servers) server.closeIdleConnections();
    const late = setTimeout(() => {
      this.#closing.abort(new Error("the operator is shutting down"));
      for (const server of this.#servers) server.closeAllConnections();
    }, lastMs);
    await Promise.all(ended);
    clearTimeout(late);
    this.#attached.dispose();
  }
}
