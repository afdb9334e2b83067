/**
 * An API server on loopback that does what a test says, request by request: the test takes the next one and answers it,
 * or lets it hang, or breaks its connection. So a script reads in the order in which things happen.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { inTime } from "#test/support/poll.ts";

export class ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: unknown;
  /** The client's: the same for what comes over the same connection. */
  readonly port: number | undefined;
  /** Resolves when the connection is gone, or the answer is out. */
  readonly closed: Promise<void>;
  readonly #response: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse, text: string) {
    const url = new URL(request.url ?? "", "http://server");
    this.method = request.method ?? "";
    this.path = url.pathname;
    this.query = url.searchParams;
    this.headers = request.headers;
    this.port = request.socket.remotePort;
    this.body = text === "" ? undefined : (JSON.parse(text) as unknown);
    this.#response = response;
    this.closed = new Promise((resolve) => {
      response.on("close", () => {
        resolve();
      });
    });
  }

  answer(status: number, body: unknown, headers: Record<string, string> = {}): void {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    this.#response.writeHead(status, { "content-type": "application/json", ...headers });
    this.#response.end(text);
  }

  /** A `Status` that says no. */
  refuse(code: number, reason: string, headers: Record<string, string> = {}): void {
    this.answer(code, statusObject(code, reason), headers);
  }

  /** Begins an answer that goes on. */
  open(): this {
    this.#response.writeHead(200, { "content-type": "application/json" });
    this.#response.flushHeaders();
    return this;
  }

  send(type: string, object: unknown): this {
    return this.raw(`${JSON.stringify({ type, object })}\n`);
  }

  raw(text: string): this {
    this.#response.write(text);
    return this;
  }

  end(): void {
    this.#response.end();
  }

  /** The connection breaks. */
  reset(): void {
    this.#response.socket?.resetAndDestroy();
  }
}

export function statusObject(code: number, reason: string, message = `said ${reason}`): object {
  return { apiVersion: "v1", kind: "Status", status: "Failure", code, reason, message };
}

export class ScriptedServer implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;
  readonly #arrived: ReceivedRequest[] = [];
  readonly #waiting: ((request: ReceivedRequest) => void)[] = [];

  private constructor(server: Server) {
    const { port } = server.address() as AddressInfo;
    this.#server = server;
    this.url = `http://127.0.0.1:${port}`;
    server.on("request", (request, response) => {
      void this.#take(request, response);
    });
  }

  static async start(): Promise<ScriptedServer> {
    const server = createServer({ keepAliveTimeout: 0 });
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    return new ScriptedServer(server);
  }

  /** Requests that came and that nobody took. */
  get pending(): number {
    return this.#arrived.length;
  }

  next(): Promise<ReceivedRequest> {
    const first = this.#arrived.shift();
    if (first !== undefined) return Promise.resolve(first);
    const come = new Promise<ReceivedRequest>((resolve) => this.#waiting.push(resolve));
    return inTime("a request", come);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const received = new ReceivedRequest(request, response, text);
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#arrived.push(received);
    else waiting(received);
  }
}
