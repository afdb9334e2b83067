/**
 * The HTTP front on node:http: its sockets, their bounds, and a drain that leaves no caller without an answer.
 * One server for each socket address; all share the counts.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Address } from "#host/address.ts";
import { listen } from "#host/listen.ts";
import { createServer } from "#host/node-http.ts";
import type { Refused } from "./admission.ts";
import { hasBody, isDeclaredTooLarge } from "./body.ts";
import { refusalOf, type ParserError } from "./client-error.ts";
import { Exchange } from "./exchange.ts";
import * as limits from "./limits.ts";
import { problem, rawResponse } from "./reply.ts";

export interface HttpParts {
  readonly address: Address;
  /** The option that the address came from. */
  readonly option: { readonly env: string };
  /** Answers the exchange exactly once, now or later; never throws. */
  readonly serve: (exchange: Exchange) => void;
  /** Absent: those of limits.ts. */
  readonly bounds?: Partial<Bounds>;
}

export interface Bounds {
  readonly connectionsMax: number;
  readonly requestsMax: number;
}

export class HttpServer implements AsyncDisposable {
  /** As a client would write them. */
  addresses: readonly string[] = [];
  port: number | undefined;
  readonly #serve: HttpParts["serve"];
  readonly #bounds: Bounds;
  #servers: readonly Server[] = [];
  /** Exchanges that are not over, by connection. */
  readonly #connections = new Map<Duplex, Set<Exchange>>();
  #requests = 0;
  #draining = false;
  #emptied: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  private constructor(parts: HttpParts) {
    this.#serve = parts.serve;
    this.#bounds = {
      connectionsMax: limits.connectionsMax,
      requestsMax: limits.requestsMax,
      ...parts.bounds,
    };
  }

  /** Throws ListenRefused. */
  static async start(parts: HttpParts): Promise<HttpServer> {
    const front = new HttpServer(parts);
    const { address, option } = parts;
    const { servers, addresses, port } = await listen({
      address,
      option,
      make: () => front.#makeServer(),
    });
    front.#servers = servers;
    front.addresses = addresses;
    front.port = port;
    return front;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Requests that are not answered yet. */
  get requests(): number {
    return this.#requests;
  }

  get isDraining(): boolean {
    return this.#draining;
  }

  /** Takes no more connections, and ends each that it has with the next answer. What is under way goes on. */
  stopAccepting(): void {
    if (this.#draining) return;
    this.#draining = true;
    for (const exchanges of this.#connections.values())
      for (const exchange of exchanges) exchange.closeAfter();
    for (const server of this.#servers) server.close();
  }

  /** Resolves when all that came in is answered, or `deadline` aborts. */
  async drain(deadline: AbortSignal): Promise<void> {
    this.stopAccepting();
    if (this.#requests === 0 || deadline.aborted) return;
    await new Promise<void>((resolve) => {
      this.#emptied = resolve;
      deadline.addEventListener("abort", () => {
        resolve();
      });
    });
  }

  /** Cuts what is left. */
  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #end(): Promise<void> {
    this.stopAccepting();
    const gone = [...this.#connections.keys()].map(
      (socket) =>
        new Promise<void>((resolve) => {
          socket.once("close", () => {
            resolve();
          });
        }),
    );
    for (const server of this.#servers) server.closeAllConnections();
    // Those that the parser gave up are no longer the server's own.
    for (const socket of this.#connections.keys()) socket.destroy();
    await Promise.all(gone);
  }

  #makeServer(): Server {
    const server = createServer({
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.idleMs,
      connectionsCheckingInterval: limits.timeoutCheckMs,
      // A missing Host is refused in our own words.
      requireHostHeader: false,
      noDelay: true,
    });
    // One more ends as a clientError.
    server.maxHeadersCount = limits.headersMax;
    server.on("connection", this.#connected);
    server.on("request", this.#requested);
    server.on("checkContinue", this.#continueAsked);
    server.on("checkExpectation", this.#expected);
    server.on("connect", (_req, socket: Duplex) => socket.end(rawResponse(noTunnels)));
    server.on("clientError", this.#unreadable);
    return server;
  }

  readonly #connected = (socket: Socket): void => {
    const exchanges = new Set<Exchange>();
    this.#connections.set(socket, exchanges);
    socket.once("close", () => {
      this.#connections.delete(socket);
      for (const exchange of [...exchanges]) exchange.callerGone();
    });
    if (this.#connections.size > this.#bounds.connectionsMax)
      endWith(socket, tooMuch("connections", this.#bounds.connectionsMax));
  };

  readonly #requested = (req: IncomingMessage, res: ServerResponse): void => {
    const exchanges = this.#connections.get(req.socket);
    // The socket closed before its last request was looked at.
    if (exchanges === undefined) return;
    res.sendDate = false;
    const exchange = new Exchange(req, res, (over) => {
      exchanges.delete(over);
      this.#requests--;
      if (this.#requests === 0) this.#emptied?.();
    });
    if (this.#draining) exchange.closeAfter();
    exchanges.add(exchange);
    this.#requests++;
    const refused = this.#overload(exchanges.size);
    if (refused === undefined) {
      this.#serve(exchange);
      return;
    }
    exchange.bodyPending = hasBody(req);
    exchange.answer(problem(refused));
  };

  #overload(onConnection: number): Refused | undefined {
    if (this.#requests > this.#bounds.requestsMax)
      return tooMuch("requests", this.#bounds.requestsMax);
    if (onConnection > limits.requestsPerConnectionMax)
      return tooMuch("requestsPerConnection", limits.requestsPerConnectionMax);
    return undefined;
  }

  /** `Expect: 100-continue`: the sender asks before it sends, and is told the bound before it wasted its bytes. */
  readonly #continueAsked = (req: IncomingMessage, res: ServerResponse): void => {
    if (!isDeclaredTooLarge(req)) res.writeContinue();
    this.#requested(req, res);
  };

  readonly #expected = (req: IncomingMessage, res: ServerResponse): void => {
    res.sendDate = false;
    res.shouldKeepAlive = false;
    const { status, body } = problem(badExpectation);
    res.writeHead(status, [
      "Content-Type",
      body?.type ?? "",
      "Content-Length",
      String(body?.text.length ?? 0),
    ]);
    res.end(body?.text);
    req.resume();
  };

  readonly #unreadable = (error: ParserError, socket: Duplex): void => {
    const refused = refusalOf(error);
    const exchanges = [...(this.#connections.get(socket) ?? [])];
    // In the middle of another answer, words of ours would be taken as part of it.
    const [only, ...more] = exchanges;
    const free =
      only === undefined || (more.length === 0 && only.isReading && !only.res.headersSent);
    if (refused === undefined || !free || !socket.writable) socket.destroy(error);
    else endWith(socket, refused);
  };
}

/** Says why, and closes when the other side has closed or had its time. */
function endWith(socket: Duplex, refused: Refused): void {
  socket.end(rawResponse(refused));
  const timer = setTimeout(() => socket.destroy(), limits.lingerMs);
  socket.once("close", () => {
    clearTimeout(timer);
  });
  socket.resume();
}

function tooMuch(limit: string, max: number): Refused {
  return {
    code: "too_many_requests",
    detail: `The sidecar serves ${String(max)} (limit: ${limit}) at once and has no more room. Retry later.`,
    facts: { limit, max },
  };
}

const noTunnels: Refused = { code: "method_not_allowed", detail: "CONNECT is not served here." };

const badExpectation: Refused = {
  code: "malformed",
  detail: "Expect: only 100-continue is understood.",
  facts: { field: "Expect" },
};
