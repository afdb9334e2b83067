/**
 * One connection for all callers. What they write in one turn of the loop leaves in one piece; what comes in is taken in
 * at once. Text is latin1: a character is a byte.
 */
import net from "node:net";
import process from "node:process";

const readBufferBytes = 64 * 1024;

/** Who is behind it. */
export interface Taker {
  /** Takes whole answers and says how many bytes they were; the rest comes again, with more. The bytes are lent. */
  take(bytes: Buffer): number;
  /** Nothing comes any more. Said once, also after a close that was asked for. */
  lost(error: Error): void;
}

export class PipelinedConnection {
  readonly #socket: net.Socket;
  readonly #closed: Promise<void>;
  /** Written, and not yet sent. */
  #out = "";
  #rest: Buffer | undefined;

  private constructor(socket: net.Socket, closed: Promise<void>) {
    this.#socket = socket;
    this.#closed = closed;
  }

  static open(port: number, taker: Taker): Promise<PipelinedConnection> {
    const opened = Promise.withResolvers<PipelinedConnection>();
    const closed = Promise.withResolvers<void>();
    const read = (sizeBytes: number, bytes: Uint8Array): boolean => {
      connection.#take(Buffer.from(bytes.buffer, bytes.byteOffset, sizeBytes), taker);
      return true;
    };
    const onread = { buffer: Buffer.allocUnsafe(readBufferBytes), callback: read };
    let why = new Error(`the server at port ${port} closed the connection`);
    const socket = net.connect({ host: "127.0.0.1", port, noDelay: true, onread });
    const connection = new PipelinedConnection(socket, closed.promise);
    socket.on("connect", () => {
      opened.resolve(connection);
    });
    socket.on("error", (error) => {
      why = error;
    });
    socket.on("close", () => {
      opened.reject(why);
      taker.lost(why);
      closed.resolve();
    });
    return opened.promise;
  }

  write(text: string): void {
    // After all that callers do in this turn.
    if (this.#out === "") process.nextTick(this.#send);
    this.#out += text;
  }

  /** Whoever still waits hears that it is lost. */
  close(): Promise<void> {
    this.#socket.destroy();
    return this.#closed;
  }

  /** When the server has closed it. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  readonly #send = (): void => {
    const text = this.#out;
    this.#out = "";
    if (this.#socket.writable) this.#socket.write(text, "latin1");
  };

  #take(bytes: Buffer, taker: Taker): void {
    const all = this.#rest === undefined ? bytes : Buffer.concat([this.#rest, bytes]);
    const taken = taker.take(all);
    // A copy: the buffer is read into again.
    this.#rest = taken === all.length ? undefined : Buffer.from(all.subarray(taken));
  }
}
