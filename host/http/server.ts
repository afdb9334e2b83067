/**
 * The HTTP front: HTTP/1.1 on node:net, its sockets, their bounds, and a drain that leaves no caller without an answer.
 * One server for each socket address; all share the counts.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { Address } from "../address.ts";
import { listen } from "../listen.ts";
import { Connection, tooMuch, type Front } from "./connection.ts";
import type { Exchange } from "./exchange.ts";
import { bounds, type Bounds } from "./limits.ts";

export interface HttpParts {
  readonly address: Address;
  /** The option that the address came from. */
  readonly option: { readonly env: string };
  /** Answers the exchange exactly once, now or later; never throws. */
  readonly serve: (exchange: Exchange) => void;
  /** Absent: those of limits.ts. */
  readonly bounds?: Partial<Bounds>;
  /** Absent: the process's. */
  readonly nowMs?: () => number;
}

export class HttpServer implements AsyncDisposable {
  /** As a client would write them. */
  addresses: readonly string[] = [];
  port: number | undefined;
  readonly #front: Front;
  #servers: readonly Server[] = [];
  readonly #connections = new Set<Connection>();
  readonly #sweeping: NodeJS.Timeout;
  #emptied: (() => void) | undefined;
  #lastClosed: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  private constructor({ serve, bounds: given, nowMs }: HttpParts) {
    this.#front = {
      bounds: { ...bounds, ...given },
      nowMs: nowMs ?? (() => performance.now()),
      serve,
      isDraining: false,
      requests: 0,
      over: this.#requestOver,
      closed: this.#connectionClosed,
    };
    this.#sweeping = setInterval(this.#sweep, this.#front.bounds.timeoutCheckMs).unref();
  }

  /** Throws ListenRefused. */
  static async start(parts: HttpParts): Promise<HttpServer> {
    const front = new HttpServer(parts);
    const { address, option } = parts;
    const make = (): Server =>
      createServer({ allowHalfOpen: true, noDelay: true }, front.#connected);
    try {
      const { servers, addresses, port } = await listen({ address, option, make });
      front.#servers = servers;
      front.addresses = addresses;
      front.port = port;
      return front;
    } catch (error) {
      await front.close();
      throw error;
    }
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Requests that are not answered yet. */
  get requests(): number {
    return this.#front.requests;
  }

  get isDraining(): boolean {
    return this.#front.isDraining;
  }

  /** Takes no more connections, and ends each that it has with the next answer. What is under way goes on. */
  stopAccepting(): void {
    if (this.#front.isDraining) return;
    this.#front.isDraining = true;
    for (const connection of this.#connections) connection.retire();
    for (const server of this.#servers) server.close();
  }

  /** Resolves when all that came in is answered, or `deadline` aborts. */
  async drain(deadline: AbortSignal): Promise<void> {
    this.stopAccepting();
    if (this.requests === 0 || deadline.aborted) return;
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
    clearInterval(this.#sweeping);
    if (this.#connections.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#lastClosed = resolve;
      for (const connection of this.#connections) connection.destroy();
    });
  }

  readonly #connected = (socket: Socket): void => {
    const connection = new Connection(socket, this.#front);
    this.#connections.add(connection);
    const { connectionsMax } = this.#front.bounds;
    if (this.#connections.size <= connectionsMax) return;
    for (const other of this.#connections) if (other !== connection && other.giveWay()) return;
    connection.refuse(tooMuch("connections", connectionsMax));
  };

  readonly #connectionClosed = (connection: Connection): void => {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#lastClosed?.();
  };

  readonly #requestOver = (): void => {
    this.#front.requests--;
    if (this.#front.requests === 0) this.#emptied?.();
  };

  readonly #sweep = (): void => {
    const now = this.#front.nowMs();
    for (const connection of this.#connections) connection.sweep(now);
  };
}
