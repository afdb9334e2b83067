/**
 * A call with many messages both ways. Messages are read one after the other; what is not read yet fills the window
 * of the stream, and then the server waits.
 */
import { type Failure, Ending, requestFields } from "./call.ts";
import type { Connection } from "./connection.ts";
import type { End, Exchange, Listener } from "./exchange.ts";
import type { Field } from "./hpack-tables.ts";
import { Deframer } from "./message.ts";
import { Unread } from "./unread.ts";

export interface StreamPlan<Request, Response> {
  readonly method: StreamMethod<Request, Response>;
  readonly token: string | undefined;
}

interface StreamMethod<Request, Response> {
  readonly path: string;
  encode(request: Request): Uint8Array;
  decode(message: Uint8Array): Response;
}

export class MessageStream<Request, Response> {
  readonly connection: Connection;
  /** The token it was opened with. */
  readonly token: string | undefined;
  readonly #method: StreamMethod<Request, Response>;
  readonly #exchange: Exchange;
  readonly #inbox: Inbox;
  readonly #leave = () => {
    this.close();
  };

  private constructor(
    { exchange, inbox }: { exchange: Exchange; inbox: Inbox },
    connection: Connection,
    plan: StreamPlan<Request, Response>,
  ) {
    this.connection = connection;
    this.token = plan.token;
    this.#method = plan.method;
    this.#exchange = exchange;
    this.#inbox = inbox;
    connection.leaving.addEventListener("abort", this.#leave, { once: true });
    inbox.whenOver = () => {
      connection.leaving.removeEventListener("abort", this.#leave);
    };
  }

  /** Undefined where the connection takes no more calls. Ends when the connection is to be left. */
  static open<Request, Response>(
    connection: Connection,
    plan: StreamPlan<Request, Response>,
  ): MessageStream<Request, Response> | undefined {
    const inbox = new Inbox(connection);
    const exchange = connection.request({
      path: plan.method.path,
      // A member that has no leader then ends the stream, instead of leaving it open and silent.
      fields: [...requestFields(plan.token), { name: "hasleader", value: "true" }],
      listener: inbox,
    });
    if (typeof exchange === "string") return undefined;
    inbox.exchange = exchange;
    return new MessageStream({ exchange, inbox }, connection, plan);
  }

  /** Lost without a word where the stream has ended: who reads the messages learns of that. */
  send(request: Request): void {
    this.#exchange.send(this.#method.encode(request));
  }

  /** Idempotent. The messages end. */
  close(): void {
    this.#exchange.cancel();
    this.#inbox.close();
  }

  /** To be read once. Ends when the stream does, however that was: {@link failure} says. */
  async *messages(): AsyncGenerator<Response, void, undefined> {
    try {
      for (;;) {
        const message = await this.#inbox.next();
        if (message === undefined) return;
        yield this.#method.decode(message);
      }
    } catch (error) {
      this.#inbox.ending.failed(error as Error);
    } finally {
      this.close();
    }
  }

  /** Why it ended; undefined: with OK. */
  get failure(): Failure | undefined {
    return this.#inbox.ending.failure();
  }
}

/** What has arrived on a stream. Read, and told so to the server, only when its reader wants more. */
class Inbox implements Listener {
  exchange: Exchange | undefined;
  whenOver: () => void = nothing;
  readonly ending: Ending;
  readonly #unread = new Unread();
  readonly #deframer = new Deframer();
  #messages: Uint8Array[] = [];
  #over = false;
  /** Of the reader that waits; undefined: it is busy with what it has. */
  #wake: (() => void) | undefined;

  constructor(connection: Connection) {
    this.ending = new Ending(connection);
  }

  headers(fields: readonly Field[]): void {
    this.ending.read(fields);
  }

  data(bytes: Uint8Array): void {
    this.#unread.push(bytes);
    this.#wake?.();
  }

  ended(end: End): void {
    this.ending.ended(end);
    this.#end();
  }

  /** What was not read is dropped. */
  close(): void {
    this.#unread.clear();
    this.#messages = [];
    this.#end();
  }

  /** Undefined: there are no more. Throws where what came is no message. */
  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      const bytes = this.#unread.take();
      if (bytes !== undefined) {
        this.#messages = this.#deframer.push(bytes);
        this.exchange?.consumed(bytes.length);
      } else if (this.#over) return undefined;
      else await this.#more();
    }
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }

  #end(): void {
    this.#over = true;
    this.whenOver();
    this.#wake?.();
  }
}

function nothing(): void {
  return undefined;
}
