/**
 * One request and its answer.
 *
 *   reading → working → answering → over
 *
 * The socket may close in each of the first three: then the caller is gone, a wait is ended by `caller`, and an answer
 * that was not yet handed to the kernel is undelivered. An answer that is worked out after the caller went is
 * undelivered at once. Nothing is told twice: `over` is final.
 */
import type { ReplyForm } from "#api/operations/accept.ts";
import type { Reply } from "./reply.ts";
import { headerOf, type RequestHead } from "./request-head.ts";

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

/** The connection that a request came by, as its exchange sees it. */
export interface Line {
  /** An answer can still be sent. */
  readonly isOpen: boolean;
  /** The exchange has its answer, which goes out when its turn comes. */
  answered(exchange: Exchange): void;
  /** The exchange wants its body: who asked whether to send it can be told so. */
  awaitBody(exchange: Exchange): void;
  over(): void;
}

export type TakeBody = (body: Buffer | "tooLarge") => void;

export class Exchange implements Call {
  readonly request: RequestHead;
  form: ReplyForm = "json";
  readonly #line: Line;
  #state: "reading" | "working" | "answering" | "over" = "reading";
  #reply: Reply | undefined;
  #takeBody: TakeBody | undefined;
  #controller: AbortController | undefined;

  constructor(request: RequestHead, line: Line) {
    this.request = request;
    this.#line = line;
  }

  /** By its name in lower case. */
  header(name: string): string | undefined {
    return headerOf(this.request, name);
  }

  /** What it is answered with, as soon as there is an answer. */
  get reply(): Reply | undefined {
    return this.#reply;
  }

  get isReading(): boolean {
    return this.#state === "reading";
  }

  get isOver(): boolean {
    return this.#state === "over";
  }

  work(): void {
    if (this.#state === "reading") this.#state = "working";
  }

  /** Tells `take` once; never where the connection closes first. Only for a request that has a body. */
  readBody(take: TakeBody): void {
    this.#takeBody = take;
    this.#line.awaitBody(this);
  }

  bodyCame(body: Buffer | "tooLarge"): void {
    this.#takeBody?.(body);
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
    this.#reply?.undelivered?.();
  }

  answer(reply: Reply): void {
    if (this.isOver || !this.#line.isOpen) {
      if (!this.isOver) this.#end();
      reply.undelivered?.();
      return;
    }
    this.#state = "answering";
    this.#reply = reply;
    this.#line.answered(this);
  }

  /** The kernel has the answer. */
  delivered(): void {
    if (!this.isOver) this.#end();
  }

  #end(): void {
    this.#state = "over";
    this.#line.over();
  }
}
