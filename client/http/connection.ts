/**
 * One connection to the sidecar. Mostly it carries one request at a time; where there are more than connections, several ride on
 * one, and are answered in their order (HTTP/1.1 pipelining).
 *
 *   connecting ─▶ idle ⇄ busy ─▶ over
 *                        └─▶ left, or one was given up ─▶ over
 *
 * A caller that leaves half-closes where its request is alone: the sidecar takes that for its going, and ends its wait. What it
 * had answered before is still read, and may be a grant that must be given back; a connection that then ends in an orderly way
 * without an answer has brought about nothing. Who leaves among others waits for its answer, as they do.
 */
import { connect, type Socket } from "node:net";
import type { Runtime } from "../runtime.ts";
import { AnswerReader, Unreadable, type Answer } from "./answer-reader.ts";
import type { Place } from "./place.ts";

/** What becomes of one request. */
export type Exchanged =
  | { readonly kind: "answered"; readonly answer: Answer }
  /** Nothing was sent. */
  | { readonly kind: "unsent"; readonly error: Error }
  /** It was sent, and may have been carried out. */
  | { readonly kind: "unanswered"; readonly error: Error }
  /** The caller left, and the sidecar has ended its wait: nothing was done. */
  | { readonly kind: "left" };

const readBufferBytes = 64 * 1024;
/** What is read is taken in at once, so all connections share it. */
const readBuffer = Buffer.allocUnsafe(readBufferBytes);

/** A request and who waits for its answer. */
export class Exchange {
  readonly text: string;
  readonly done: Promise<Exchanged>;
  isSent = false;
  isSettled = false;
  #resolve!: (exchanged: Exchanged) => void;

  constructor(text: string) {
    this.text = text;
    this.done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  settle(exchanged: Exchanged): void {
    this.isSettled = true;
    this.#resolve(exchanged);
  }
}

export class Connection {
  readonly #socket: Socket;
  readonly #reader = new AnswerReader();
  readonly #runtime: Runtime;
  readonly #over: () => void;
  #isConnected = false;
  #hasLeft = false;
  #gaveUp = false;
  #isGathering = false;
  /** In the order in which they are answered. Those that are settled have nobody who waits for their answers any longer. */
  readonly #exchanges: Exchange[] = [];
  #ended: Error | undefined;

  /** `over`: told when it is of no more use. */
  constructor({ socket }: Place, runtime: Runtime, over: () => void) {
    this.#runtime = runtime;
    this.#over = over;
    const onread = { buffer: readBuffer, callback: this.#read };
    this.#socket = connect({ ...socket, noDelay: true, allowHalfOpen: true, onread }, () => {
      this.#isConnected = true;
      this.#send();
    });
    this.#socket.on("error", (error) => {
      this.#end(error);
    });
    this.#socket.on("end", this.#sidecarEnded);
    this.#socket.on("close", () => {
      this.#end(new Error("the connection was closed"));
    });
  }

  get isOver(): boolean {
    return this.#ended !== undefined;
  }

  /** How many requests it carries. */
  get load(): number {
    return this.#exchanges.length;
  }

  get takesMore(): boolean {
    return !this.isOver && !this.#hasLeft && !this.#gaveUp;
  }

  /** Of a connection that takes more. `text`: head and body. */
  exchange(text: string): Exchange {
    const exchange = new Exchange(text);
    this.#exchanges.push(exchange);
    this.#socket.ref();
    if (this.#isConnected) this.#sendSoon();
    return exchange;
  }

  /** Whoever waits for the answer goes; see above. */
  leave(exchange: Exchange): void {
    if (exchange.isSettled || this.#hasLeft) return;
    if (!exchange.isSent) {
      this.#take(exchange, { kind: "left" });
    } else if (this.load === 1) {
      this.#hasLeft = true;
      this.#socket.end();
    }
  }

  /** Nobody waits for this answer any longer. Others on the way are still waited for, and it takes no more. */
  giveUp(exchange: Exchange, why: Error): void {
    if (exchange.isSettled) return;
    this.#gaveUp = true;
    if (exchange.isSent) exchange.settle({ kind: "unanswered", error: why });
    else this.#take(exchange, { kind: "unsent", error: why });
    this.#endWhereNobodyWaits(why);
  }

  /** Nobody waits for any answer. */
  abandon(why: Error): void {
    this.#end(why);
  }

  /** An idle connection does not keep the process alive. */
  rest(): void {
    this.#socket.unref();
  }

  /** Those that ride with others are sent together. */
  #sendSoon(): void {
    if (this.load === 1) {
      this.#send();
    } else if (!this.#isGathering) {
      this.#isGathering = true;
      this.#runtime.turn(() => {
        this.#isGathering = false;
        this.#send();
      });
    }
  }

  #send(): void {
    if (this.isOver) return;
    let text = "";
    for (const exchange of this.#exchanges) {
      if (exchange.isSent) continue;
      exchange.isSent = true;
      text += exchange.text;
    }
    // What is all ASCII, as most requests are, needs no encoding.
    if (text !== "")
      this.#socket.write(text, Buffer.byteLength(text) === text.length ? "latin1" : "utf8");
  }

  #endWhereNobodyWaits(why: Error): void {
    if (this.#exchanges.every(({ isSettled }) => isSettled)) this.#end(why);
  }

  /** Out of what was not sent. */
  #take(exchange: Exchange, exchanged: Exchanged): void {
    this.#exchanges.splice(this.#exchanges.indexOf(exchange), 1);
    exchange.settle(exchanged);
    this.#endWhereNobodyWaits(new Error("nobody waits for it"));
  }

  readonly #read = (sizeBytes: number): boolean => {
    try {
      let answer = this.#reader.push(readBuffer.subarray(0, sizeBytes));
      while (answer !== undefined && !this.isOver) {
        this.#answered(answer);
        answer = this.#reader.next();
      }
      if (this.load === 0 && !this.#reader.isFresh) throw unasked();
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      this.#end(error);
    }
    return true;
  };

  readonly #sidecarEnded = (): void => {
    const answer = this.#reader.ended();
    if (answer !== undefined) this.#answered(answer);
    else if (this.#hasLeft && this.#reader.isFresh)
      this.#exchanges.shift()?.settle({ kind: "left" });
    this.#end(new Error("the sidecar closed the connection"));
  };

  #answered(answer: Answer): void {
    // What was not sent cannot have been answered.
    if (this.#exchanges[0]?.isSent !== true) {
      this.#end(unasked());
      return;
    }
    const exchange = this.#exchanges.shift();
    if (exchange?.isSettled === false) exchange.settle({ kind: "answered", answer });
    const why = new Error("the connection was closed");
    if (!answer.keepsAlive) this.#end(why);
    else if (!this.takesMore) this.#endWhereNobodyWaits(why);
  }

  #end(why: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    for (const exchange of this.#exchanges.splice(0)) {
      if (exchange.isSettled) continue;
      exchange.settle({ kind: exchange.isSent ? "unanswered" : "unsent", error: why });
    }
    this.#socket.destroy();
    this.#over();
  }
}

function unasked(): Unreadable {
  return new Unreadable("an answer came that nobody had asked for");
}
