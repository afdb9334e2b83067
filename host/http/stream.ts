/**
 * An answer that goes out piece by piece, as its source has something to say.
 *
 *   turn ─▶ open ──(the source ends it)──▶ over
 *             ├──(unread bytes or time are past their bound)──▶ the source is told, says its last words and ends it
 *             └──(the caller closes, or the connection breaks)──▶ over; the reply's `undelivered` is told
 *
 * It is the last answer on its connection: what the caller sends after its request is thrown away, and requests that it had
 * sent before are left.
 */
import { statusWords } from "./status.ts";

export interface StreamSource {
  readonly type: string;
  /** Told once, when the answer's turn on its connection has come; not where the caller is gone before. */
  open(pipe: Pipe): void;
  /** The caller does not read: what it is told now is the last, and the pipe is to be ended. */
  tooSlow(): void;
}

export interface Pipe {
  /** `taken`: told when the kernel has it. */
  write(text: string, taken?: () => void): void;
  /** All is said. */
  end(): void;
}

/** The connection, as a stream sees it. */
export interface StreamLine {
  readonly unreadBytes: number;
  readonly unreadBytesMax: number;
  send(text: string, taken?: () => void): void;
  /** The last of it: the connection ends. */
  finish(text: string): void;
}

export class Stream implements Pipe {
  readonly #line: StreamLine;
  readonly #source: StreamSource;
  /** HTTP/1.0 knows no chunks: there the end of the connection is the end of the answer. */
  readonly #isChunked: boolean;
  #isOver = false;
  #isSlow = false;

  constructor(line: StreamLine, source: StreamSource, isChunked: boolean) {
    this.#line = line;
    this.#source = source;
    this.#isChunked = isChunked;
  }

  write(text: string, taken?: () => void): void {
    if (this.#isOver || text === "") return;
    this.#line.send(this.#isChunked ? chunk(text) : text, taken);
    if (this.#line.unreadBytes > this.#line.unreadBytesMax) this.tooSlow();
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#line.finish(this.#isChunked ? lastChunk : "");
  }

  tooSlow(): void {
    if (this.#isOver || this.#isSlow) return;
    this.#isSlow = true;
    this.#source.tooSlow();
  }

  /** Nothing more can be said. */
  cut(): void {
    this.#isOver = true;
  }
}

const lastChunk = "0\r\n\r\n";

function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

export function streamHead(status: number, type: string, isChunked: boolean): string {
  const coding = isChunked ? "Transfer-Encoding: chunked\r\n" : "";
  return `HTTP/1.1 ${String(status)} ${statusWords[status] ?? "Error"}\r\nContent-Type: ${type}\r\nCache-Control: no-store\r\n${coding}Connection: close\r\n\r\n`;
}
