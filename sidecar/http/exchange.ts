/**
 * One request and its answer.
 *
 *   reading → working → answering → over
 *
 * The socket may close in each of the first three: then the caller is gone, a wait is ended by `caller`, and an answer
 * that was not yet handed to the kernel is undelivered. An answer that is worked out after the caller went is
 * undelivered at once. Nothing is told twice: `over` is final.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ReplyForm } from "#api/operations/accept.ts";
import { lingerBytesMax, lingerMs } from "./limits.ts";
import type { Reply } from "./reply.ts";

/** What a handler knows of the request besides its input. */
export interface Call {
  readonly form: ReplyForm;
  /** Aborts when the caller goes away before it is answered. */
  readonly caller: AbortSignal;
}

/** Why a wait ended: there is nobody to tell. */
export class CallerGone extends Error {
  override readonly name = "CallerGone";

  constructor() {
    super("the caller closed its connection");
  }
}

export class Exchange implements Call {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  form: ReplyForm = "json";
  /** Part of the request's body is still on its way. */
  bodyPending = false;
  #state: "reading" | "working" | "answering" | "over" = "reading";
  #controller: AbortController | undefined;
  #undelivered: (() => void) | undefined;
  readonly #onOver: (exchange: Exchange) => void;

  constructor(req: IncomingMessage, res: ServerResponse, onOver: (exchange: Exchange) => void) {
    this.req = req;
    this.res = res;
    this.#onOver = onOver;
  }

  get isReading(): boolean {
    return this.#state === "reading";
  }

  get isOver(): boolean {
    return this.#state === "over";
  }

  /** The connection ends with the answer, and the answer says so. */
  closeAfter(): void {
    this.res.shouldKeepAlive = false;
  }

  work(): void {
    if (this.#state === "reading") this.#state = "working";
  }

  /** Made when it is first asked for: most requests never wait. */
  get caller(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.isOver && !this.#controller.signal.aborted) this.#controller.abort(new CallerGone());
    return this.#controller.signal;
  }

  callerGone(): void {
    if (this.isOver) return;
    this.#end();
    this.#controller?.abort(new CallerGone());
    this.#undelivered?.();
  }

  answer(reply: Reply): void {
    const { socket } = this.req;
    if (this.isOver || socket.destroyed || !socket.writable) {
      if (!this.isOver) this.#end();
      reply.undelivered?.();
      return;
    }
    this.#state = "answering";
    this.#undelivered = reply.undelivered;
    if (this.bodyPending) this.closeAfter();
    const content = this.#writeHead(reply);
    if (this.bodyPending) this.#linger(content);
    else this.res.end(content, this.#handedOver);
  }

  #writeHead({ status, body, headers }: Reply): string {
    if (body === undefined) {
      this.res.writeHead(status, headers === undefined ? [] : [...headers]);
      return "";
    }
    const head = [
      "Content-Type",
      body.type,
      "Content-Length",
      String(Buffer.byteLength(body.text)),
    ];
    if (headers !== undefined) head.push(...headers);
    this.res.writeHead(status, head);
    return this.req.method === "HEAD" ? "" : body.text;
  }

  /** Node also calls back when the socket was destroyed with the answer still in memory. */
  readonly #handedOver = (): void => {
    if (this.req.socket.destroyed) this.callerGone();
    else if (!this.isOver) this.#end();
  };

  /**
   * The answer goes out before the body has come in. To close now would reset the connection, and the reset could
   * overtake the answer: so the rest is read for a while and thrown away.
   */
  #linger(content: string): void {
    const { req, res } = this;
    if (content !== "") res.write(content);
    let restBytes = lingerBytesMax;
    const end = (): void => {
      clearTimeout(timer);
      req.off("data", take);
      req.off("end", end);
      req.off("close", end);
      res.end(this.#handedOver);
    };
    const take = (chunk: Buffer): void => {
      restBytes -= chunk.length;
      if (restBytes < 0) end();
    };
    const timer = setTimeout(end, lingerMs);
    req.on("data", take);
    req.once("end", end);
    req.once("close", end);
  }

  #end(): void {
    this.#state = "over";
    this.#onOver(this);
  }
}
