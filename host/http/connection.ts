/**
 * One connection: requests come in one after another, answers go out in the same order.
 *
 * In:   open ─────────────────────────▶ deaf ─▶ ended
 *   open   requests are read and handed on, also while earlier ones wait for their answers (pipelining). Nothing is read
 *          while there is too much to be answered or too much that the client has not read: a client that only sends
 *          is stopped by its own full socket.
 *   deaf   no request follows: the last one said so, or was answered before its body had come, or what came was
 *          unreadable. What still comes is thrown away.
 *   ended  all is said and our side is closed. What comes is thrown away for a moment, so that the client can read what
 *          was said: to close with bytes unread would reset the connection, and the reset could overtake the answer.
 *   A stream, as its turn comes, makes the connection deaf.
 *
 * Out:  queue ─▶ unsent ─▶ delivered
 *   queue   requests in their order, answered or not. An answer waits for those before it.
 *   unsent  written, but not yet taken by the kernel. Mostly the kernel takes an answer at once.
 *
 * A client that closes its side, or breaks the connection, is gone: nothing that is not written yet is written.
 */
import type { Socket } from "node:net";
import type { Refused } from "./refused.ts";
import { Exchange, type Line } from "./exchange.ts";
import { lingerBytesMax, requestsPerConnectionMax, type Bounds } from "./limits.ts";
import { continueText, farewell, problem, replyText } from "./reply.ts";
import { isDeclaredTooLarge, Unreadable, type RequestHead } from "./request-head.ts";
import { RequestReader } from "./request-reader.ts";
import { Stream, streamHead, type StreamLine, type StreamSource } from "./stream.ts";
import { refusalOf } from "./unreadable.ts";

/** What all connections of a server share. */
export interface Front {
  readonly bounds: Bounds;
  readonly nowMs: () => number;
  /** Answers the exchange exactly once, now or later; never throws. */
  readonly serve: (exchange: Exchange) => void;
  /** Connections end with their next answer. */
  isDraining: boolean;
  /** Those that are not over. */
  requests: number;
  /** A request is over. */
  readonly over: () => void;
  readonly closed: (connection: Connection) => void;
}

export class Connection implements Line {
  readonly #socket: Socket;
  readonly #front: Front;
  readonly #reader = new RequestReader();
  readonly #queue: Exchange[] = [];
  readonly #unsent: Exchange[] = [];
  /** What is being said piece by piece, to whom. */
  #open: { readonly exchange: Exchange; readonly stream: Stream } | undefined;
  /** How many exchanges have left `#unsent`. */
  #delivered = 0;
  /** Of answers in the queue. */
  #heldChars = 0;
  #state: "open" | "deaf" | "ended" = "open";
  /** The newest in the queue is the last. */
  #isLast = false;
  /** The newest in the queue asked whether to send its body, and is to be told so when it is the first. */
  #invites = false;
  #isPaused = false;
  #hasServed = false;
  /** The last words, after all answers. */
  #farewell = "";
  #thrownAwayBytes = 0;
  /** Of the last answer, or of the connection. */
  #idleSince: number;
  /** Of a request that did not come in one piece. */
  #partialSince: number | undefined;
  #unsentSince: number | undefined;
  #lingering: NodeJS.Timeout | undefined;

  constructor(socket: Socket, front: Front) {
    this.#socket = socket;
    this.#front = front;
    this.#idleSince = front.nowMs();
    socket.on("data", this.#received);
    socket.on("end", this.#clientEnded);
    socket.on("close", this.#closed);
    socket.on("error", this.#broken);
  }

  get isOpen(): boolean {
    return this.#socket.writable && !this.#socket.destroyed;
  }

  answered(exchange: Exchange): void {
    this.#heldChars += charsOf(exchange);
    // An answer before the body has come.
    if (this.#reader.isReadingBody && exchange === this.#queue.at(-1)) this.#hearNoMore();
    if (exchange === this.#queue[0]) this.#flush();
  }

  awaitBody({ request }: Exchange): void {
    if (request.expects !== "continue" || isDeclaredTooLarge(request)) return;
    this.#invites = true;
    this.#invite();
  }

  over(): void {
    this.#front.over();
  }

  /** Says why and ends, after all answers. */
  refuse(refused: Refused): void {
    this.#hearNoMore();
    this.#farewell = farewell(refused);
    if (this.#queue.length === 0) this.#end("");
  }

  /** Ends at once where it has served and nothing is under way. */
  retire(): void {
    if (this.#state === "open" && this.#hasServed && !this.#isBusy) this.#end("");
  }

  get #isBusy(): boolean {
    return this.#queue.length > 0 || this.#unsent.length > 0 || this.#reader.isMidway;
  }

  /** Ends where nothing is under way, to make room for another. Returns whether it did. */
  giveWay(): boolean {
    if (this.#state !== "open" || this.#isBusy) return false;
    this.#end("");
    return true;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Ends what is past its time. */
  sweep(now: number): void {
    const { headersMs, requestMs, idleMs, unreadMs } = this.#front.bounds;
    const isPast = (since: number | undefined, ms: number): boolean =>
      since !== undefined && now - since > ms;
    if (isPast(this.#unsentSince, unreadMs)) this.#readsNothing(now);
    if (this.#state !== "open" || this.#isPaused) return;
    if (this.#reader.isReadingBody) {
      if (isPast(this.#partialSince, requestMs)) this.#notUnderstood(lateBody);
    } else if (this.#reader.isMidway) {
      if (isPast(this.#partialSince, headersMs)) this.#notUnderstood(lateHead);
    } else if (this.#queue.length === 0 && this.#unsent.length === 0) {
      if (isPast(this.#idleSince, this.#hasServed ? idleMs : headersMs)) this.#end("");
    }
  }

  readonly #received = (bytes: Buffer): void => {
    if (this.#state === "open") {
      this.#reader.push(bytes);
      this.#read();
      return;
    }
    this.#thrownAwayBytes += bytes.length;
    if (this.#thrownAwayBytes > lingerBytesMax) this.destroy();
  };

  readonly #clientEnded = (): void => {
    if (this.#state === "ended") return;
    const isCut = this.#state === "open" && this.#reader.isMidway;
    if (isCut && this.#reader.isReadingBody) this.#queue.pop()?.callerGone();
    if (isCut && this.#queue.length === 0) {
      this.#notUnderstood(cutOff);
      return;
    }
    this.#leaveAll(this.#queue);
    this.#leaveStream();
    this.#farewell = "";
    this.#end("");
  };

  /** Its close follows, and all is said there. */
  readonly #broken = (): void => {
    this.destroy();
  };

  readonly #closed = (): void => {
    clearTimeout(this.#lingering);
    this.#state = "ended";
    this.#leaveAll(this.#unsent);
    this.#leaveAll(this.#queue);
    this.#leaveStream();
    this.#front.closed(this);
  };

  #leaveAll(exchanges: Exchange[]): void {
    for (const exchange of exchanges.splice(0)) exchange.callerGone();
  }

  #leaveStream(): void {
    const open = this.#open;
    this.#open = undefined;
    open?.stream.cut();
    open?.exchange.callerGone();
  }

  /** What is left is to be read in as much time once more. */
  #readsNothing(now: number): void {
    if (this.#open === undefined) {
      this.destroy();
      return;
    }
    this.#unsentSince = now;
    this.#open.stream.tooSlow();
  }

  #read(): void {
    while (this.#state === "open") {
      if (this.#isFull()) {
        this.#isPaused = true;
        this.#socket.pause();
        return;
      }
      const read = this.#reader.next();
      if (read === undefined) break;
      if (read === "tooLarge" || Buffer.isBuffer(read)) this.#bodyCame(read);
      else if (read instanceof Unreadable) this.#notUnderstood(read);
      else this.#begin(read);
    }
    if (this.#reader.isMidway) this.#partialSince ??= this.#front.nowMs();
  }

  #isFull(): boolean {
    return (
      this.#queue.length > requestsPerConnectionMax ||
      this.#heldChars + this.#socket.writableLength > this.#front.bounds.unsentBytesMax
    );
  }

  /** Reads on where that was too much. */
  #goOn(): void {
    if (!this.#isPaused || this.#isFull()) return;
    this.#isPaused = false;
    this.#read();
    if (!this.#isPaused) this.#socket.resume();
  }

  #begin(request: RequestHead): void {
    if (request.method === "CONNECT") {
      this.refuse(noTunnels);
      return;
    }
    const exchange = new Exchange(request, this);
    this.#queue.push(exchange);
    this.#front.requests++;
    this.#hasServed = true;
    this.#isLast = !request.keepsAlive;
    if (request.bodyLength === 0) this.#requestCame();
    const refused = this.#overload() ?? (request.expects === "other" ? badExpectation : undefined);
    if (refused === undefined) {
      this.#front.serve(exchange);
      return;
    }
    if (refused === badExpectation) this.#hearNoMore();
    exchange.answer(problem(refused));
  }

  #requestCame(): void {
    this.#partialSince = undefined;
    if (this.#isLast) this.#hearNoMore();
  }

  #bodyCame(body: Buffer | "tooLarge"): void {
    this.#invites = false;
    if (body !== "tooLarge") this.#requestCame();
    this.#queue.at(-1)?.bodyCame(body);
  }

  #overload(): Refused | undefined {
    const { requestsMax } = this.#front.bounds;
    if (this.#front.requests > requestsMax) return tooMuch("requests", requestsMax);
    if (this.#queue.length > requestsPerConnectionMax)
      return tooMuch("requestsPerConnection", requestsPerConnectionMax);
    return undefined;
  }

  /** What is under way is still answered; a request that breaks off in its body is not. */
  #notUnderstood(why: Unreadable): void {
    if (this.#reader.isReadingBody) this.#queue.pop()?.callerGone();
    this.refuse(refusalOf(why, this.#front.bounds));
  }

  #hearNoMore(): void {
    this.#isLast = true;
    this.#invites = false;
    if (this.#state === "open") this.#state = "deaf";
  }

  /** Who sent `Expect: 100-continue` waits for this before it sends its body. */
  #invite(): void {
    if (!this.#invites || this.#queue.length !== 1) return;
    this.#invites = false;
    this.#write(continueText);
  }

  /** Sends what is ready, in the order of the requests, in one piece. */
  #flush(): void {
    let text = "";
    for (let first = this.#queue[0]; first?.reply !== undefined; first = this.#queue[0]) {
      this.#queue.shift();
      if (first.reply.stream === undefined) this.#unsent.push(first);
      this.#heldChars -= charsOf(first);
      const { stream } = first.reply;
      if (stream !== undefined) {
        this.#openStream(first, stream, text);
        return;
      }
      const ends = this.#queue.length === 0 && (this.#isLast || this.#front.isDraining);
      const closes = ends && this.#farewell === "";
      const isHead = first.request.method === "HEAD";
      text += replyText(first.reply, { isHead, closes, idleMs: this.#front.bounds.idleMs });
      if (!ends) continue;
      this.#end(text);
      return;
    }
    this.#write(text);
    if (this.#queue.length === 0) this.#idleSince = this.#front.nowMs();
    this.#invite();
    this.#goOn();
  }

  /** `before`: what goes out first. Whoever asked for more after it is not answered. */
  #openStream(exchange: Exchange, source: StreamSource, before: string): void {
    const { reply, request } = exchange;
    this.#hearNoMore();
    this.#leaveAll(this.#queue);
    const isChunked = request.version === "1.1";
    const text = before + streamHead(reply?.status ?? 200, source.type, isChunked);
    if (request.method === "HEAD") {
      reply?.undelivered?.();
      this.#unsent.push(exchange);
      this.#end(text);
      return;
    }
    const stream = new Stream(this.#streamLine(exchange), source, isChunked);
    this.#open = { exchange, stream };
    this.#write(text);
    // The client's end is to be seen.
    if (this.#isPaused) this.#socket.resume();
    this.#isPaused = false;
    source.open(stream);
  }

  #streamLine(exchange: Exchange): StreamLine {
    const unread = (): number => this.#socket.writableLength;
    return {
      get unreadBytes() {
        return unread();
      },
      unreadBytesMax: this.#front.bounds.unsentBytesMax,
      send: (text, taken) => {
        this.#write(text, taken);
      },
      finish: (text) => {
        this.#open = undefined;
        this.#unsent.push(exchange);
        this.#end(text);
      },
    };
  }

  #write(text: string, taken?: () => void): void {
    // What is all ASCII, as most answers are, needs no encoding.
    this.#socket.write(text, Buffer.byteLength(text) === text.length ? "latin1" : "utf8");
    const until = this.#delivered + this.#unsent.length;
    if (this.#isTaken) {
      this.#deliver(until);
      taken?.();
      return;
    }
    this.#unsentSince ??= this.#front.nowMs();
    // Nothing more to send, only to be told when all before it has gone.
    this.#socket.write("", (error) => {
      if (error instanceof Error) return;
      this.#deliver(until);
      taken?.();
      this.#unsentSince = this.#isTaken ? undefined : this.#front.nowMs();
      this.#goOn();
    });
  }

  /** The kernel has all that was written: it mostly takes it at once. */
  get #isTaken(): boolean {
    const { writableLength, errored, destroyed } = this.#socket;
    return writableLength === 0 && errored === null && !destroyed;
  }

  #deliver(until: number): void {
    while (this.#delivered < until) {
      this.#delivered++;
      this.#unsent.shift()?.delivered();
    }
  }

  /** All is said with this, and with the last words. */
  #end(text: string): void {
    this.#state = "ended";
    const last = text + this.#farewell;
    if (last === "") this.#socket.end(this.#ended);
    else this.#socket.end(last, this.#ended);
    if (this.#isTaken) this.#deliver(this.#delivered + this.#unsent.length);
    else this.#unsentSince ??= this.#front.nowMs();
    // The client's end is to be seen.
    if (this.#isPaused) this.#socket.resume();
    this.#isPaused = false;
  }

  readonly #ended = (error?: Error | null): void => {
    if (error instanceof Error || this.#socket.destroyed) return;
    this.#deliver(this.#delivered + this.#unsent.length);
    this.#unsentSince = undefined;
    if (this.#socket.readableEnded) return;
    this.#lingering = setTimeout(() => {
      this.destroy();
    }, this.#front.bounds.lingerMs);
  };
}

function charsOf({ reply }: Exchange): number {
  return reply?.body?.text.length ?? 0;
}

const lateHead = new Unreadable("lateHead");
const lateBody = new Unreadable("lateBody");
const cutOff = new Unreadable("malformed", "it ends before it is whole");

export function tooMuch(limit: string, max: number): Refused {
  return {
    code: "too_many_requests",
    detail: `No more than ${String(max)} (limit: ${limit}) are served at once. Retry later.`,
    facts: { limit, max },
  };
}

const noTunnels: Refused = { code: "method_not_allowed", detail: "CONNECT is not served here." };

const badExpectation: Refused = {
  code: "malformed",
  detail: "Expect: only 100-continue is understood.",
  facts: { field: "Expect" },
};
