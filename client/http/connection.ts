/**
 * One connection to the sidecar, one request at a time.
 *
 *   connecting ─▶ idle ⇄ busy ─▶ over
 *                        └─▶ left ─▶ over
 *
 * A caller that leaves half-closes: the sidecar takes that for its going, and ends its wait. What it had answered before is
 * still read, and may be a grant that must be given back; a connection that then ends in an orderly way without an answer
 * has brought about nothing.
 */
import { connect, type Socket } from "node:net";
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

export class Connection {
  readonly #socket: Socket;
  readonly #reader = new AnswerReader();
  readonly #over: () => void;
  #isConnected = false;
  #hasLeft = false;
  #resolve: ((exchanged: Exchanged) => void) | undefined;
  /** Sent as soon as the connection stands. */
  #text: string | undefined;
  #ended: Error | undefined;

  /** `over`: told when it is of no more use. */
  constructor({ socket }: Place, over: () => void) {
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

  /** Of a connection that is idle. `text`: head and body. */
  exchange(text: string): Promise<Exchanged> {
    this.#socket.ref();
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#text = text;
      if (this.#isConnected) this.#send();
    });
  }

  /** Whoever waits for the answer goes; see above. */
  leave(): void {
    if (this.#resolve === undefined || this.#hasLeft) return;
    this.#hasLeft = true;
    if (this.#text === undefined) this.#socket.end();
    else this.#settle({ kind: "left" });
  }

  /** Nobody waits for the answer any longer. */
  abandon(why: Error): void {
    this.#end(why);
  }

  /** An idle connection does not keep the process alive. */
  rest(): void {
    this.#socket.unref();
  }

  #send(): void {
    if (this.#text === undefined || this.isOver) return;
    const text = this.#text;
    // What is all ASCII, as most requests are, needs no encoding.
    this.#socket.write(text, Buffer.byteLength(text) === text.length ? "latin1" : "utf8");
    this.#text = undefined;
  }

  readonly #read = (sizeBytes: number): boolean => {
    try {
      const answer = this.#reader.push(readBuffer.subarray(0, sizeBytes));
      if (answer !== undefined) this.#answered(answer);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      this.#end(error);
    }
    return true;
  };

  readonly #sidecarEnded = (): void => {
    const answer = this.#reader.ended();
    if (answer !== undefined) this.#answered(answer);
    else if (this.#hasLeft && this.#reader.isFresh) this.#settle({ kind: "left" });
    this.#end(new Error("the sidecar closed the connection"));
  };

  #answered(answer: Answer): void {
    if (this.#resolve === undefined) {
      this.#end(new Unreadable("an answer came that nobody had asked for"));
      return;
    }
    const mayGoOn = answer.keepsAlive && !this.#hasLeft;
    this.#settle({ kind: "answered", answer });
    if (!mayGoOn) this.#end(new Error("the connection was closed"));
  }

  #settle(exchanged: Exchanged): void {
    const resolve = this.#resolve;
    this.#resolve = undefined;
    resolve?.(exchanged);
    if (exchanged.kind === "left") this.#end(new Error("its caller left"));
  }

  #end(why: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    const wasSent = this.#text === undefined;
    this.#settle({ kind: wasSent ? "unanswered" : "unsent", error: why });
    this.#socket.destroy();
    this.#over();
  }
}
