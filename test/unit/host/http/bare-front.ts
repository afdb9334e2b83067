/** The HTTP front alone: a test answers the exchanges itself, and the time is what it says. */
import { connect, type Socket } from "node:net";
import { address } from "#host/address.ts";
import type { Exchange } from "#host/http/exchange.ts";
import type { Bounds } from "#host/http/limits.ts";
import type { Reply } from "#host/http/reply.ts";
import { HttpServer } from "#host/http/server.ts";

export interface Served {
  readonly exchange: Exchange;
  /** Undefined until it has come. */
  readonly body: string | undefined;
}

const timeoutCheckMs = 1;

interface Given {
  readonly bounds?: Partial<Bounds>;
  /** Answers at once. Absent: the test does. */
  readonly answer?: (served: Served) => Reply;
  readonly on?: string;
}

export async function bareFront({ bounds = {}, answer, on = "127.0.0.1:0" }: Given = {}) {
  const served: { exchange: Exchange; body: string | undefined }[] = [];
  const waiting = new Set<() => void>();
  let nowMs = 0;
  const server = await HttpServer.start({
    address: address(on),
    option: { env: "NONE" },
    nowMs: () => nowMs,
    bounds: { timeoutCheckMs, ...bounds },
    serve(exchange) {
      const one: (typeof served)[number] = { exchange, body: undefined };
      const came = (body: string) => {
        one.body = body;
        served.push(one);
        if (answer !== undefined) exchange.answer(answer(one));
        for (const look of waiting) look();
      };
      if (exchange.request.bodyLength === 0) came("");
      else
        exchange.readBody((body) => {
          if (body === "tooLarge") exchange.answer({ status: 413 });
          else came(body.toString("latin1"));
        });
    },
  });
  return {
    server,
    served,
    /** Sets the time, and resolves when all connections were looked at since. */
    at: (ms: number) => {
      nowMs = ms;
      // The server's own timer is as long as this one and was set before it, so it goes first.
      return new Promise<void>((resolve) => setTimeout(resolve, timeoutCheckMs));
    },
    /** Resolves when so many requests were served. */
    until: (count: number) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (served.length < count) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    dial: () =>
      new Client(connect({ host: "127.0.0.1", port: server.port ?? 0, allowHalfOpen: true })),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

/** One connection to it. */
export class Client implements Disposable {
  readonly socket: Socket;
  /** All that was answered. */
  heard = "";
  readonly #looks = new Set<() => void>();
  #isOver = false;
  #isClosed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.heard += bytes.toString("latin1");
      this.#look();
    });
    // Whoever is cut off sees that it is closed.
    socket.on("error", () => undefined);
    socket.on("end", () => {
      this.#isOver = true;
      this.#look();
    });
    socket.on("close", () => {
      this.#isOver = this.#isClosed = true;
      this.#look();
    });
  }

  send(text: string): void {
    this.socket.write(text, "latin1");
  }

  /** Of the answers, in their order. */
  get statuses(): string[] {
    return this.heard.match(/(?<=HTTP\/1\.1 )\d+/g) ?? [];
  }

  /** Resolves when that was heard, or so many answers were. */
  until(what: string | number): Promise<void> {
    return this.#when(() =>
      typeof what === "string" ? this.heard.includes(what) : this.statuses.length >= what,
    );
  }

  /** Resolves when the other side has closed. */
  over(): Promise<void> {
    return this.#when(() => this.#isOver);
  }

  /** Resolves when both sides have closed. */
  closed(): Promise<void> {
    return this.#when(() => this.#isClosed);
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #when(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!holds()) return;
        this.#looks.delete(look);
        resolve();
      };
      this.#looks.add(look);
      look();
    });
  }

  #look(): void {
    for (const look of this.#looks) look();
  }
}
