/**
 * Bytes to answers: HTTP/1.1 as a server or something between may write it. Knows no socket.
 *
 *   head ─▶ body, by length · in chunks · until the connection ends ─▶ whole
 *
 * Interim answers (1xx) are passed over. What does not fit is unreadable, and its connection of no more use.
 */
export const headBytesMax = 16 * 1024;
/** Of a body. A page of a thousand locks with a hundred waiters each is 20 MiB. */
export const bodyBytesMax = 32 * 1024 * 1024;
/** Of a chunk's size, and of a trailer. */
const lineBytesMax = 1024;
const trailersMax = 32;

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly retryAfterMs: number | undefined;
  readonly text: string;
  /** The connection may be used again. */
  readonly keepsAlive: boolean;
}

/** What came is no answer. */
export class Unreadable extends Error {
  override readonly name = "Unreadable";
}

export interface Head {
  readonly status: number;
  readonly contentType: string;
  readonly retryAfterMs: number | undefined;
  readonly keepsAlive: boolean;
  readonly body:
    { readonly kind: "length"; readonly bytes: number } | { readonly kind: "chunks" | "untilEnd" };
}

const none = Buffer.alloc(0);
export const headEnd = Buffer.from("\r\n\r\n");
const lineEnd = Buffer.from("\r\n");

export class AnswerReader {
  #head: Head | undefined;
  /** What was read and not yet taken in; in a body by length nothing. */
  #rest: Buffer = none;
  readonly #body: Buffer[] = [];
  #bodyBytes = 0;
  /** After the last chunk. */
  #trailers: number | undefined;

  /** Nothing of an answer has come. */
  get isFresh(): boolean {
    return this.#head === undefined && this.#rest.length === 0;
  }

  /** The answer, once it is whole; what follows it is kept for {@link next}. The bytes are copied where they are kept. */
  push(bytes: Buffer): Answer | undefined {
    if (this.#head?.body.kind === "length")
      return this.#kept(this.#takeLength(bytes, this.#head.body.bytes));
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    return this.#kept(this.#take());
  }

  /** Another answer that had come by then. */
  next(): Answer | undefined {
    return this.#rest.length === 0 ? undefined : this.#take();
  }

  #kept(answer: Answer | undefined): Answer | undefined {
    // The caller's buffer is used again.
    if (this.#rest.length > 0) this.#rest = Buffer.from(this.#rest);
    return answer;
  }

  /** The connection has ended: that may be the end of the answer. */
  ended(): Answer | undefined {
    return this.#head?.body.kind === "untilEnd" ? this.#whole() : undefined;
  }

  #take(): Answer | undefined {
    for (;;) {
      if (this.#head === undefined && !this.#takeHead()) return undefined;
      switch (this.#head?.body.kind) {
        case "length":
          return this.#takeLength(this.#all(), this.#head.body.bytes);
        case "chunks":
          return this.#takeChunks();
        case "untilEnd":
          this.#keep(this.#all());
          return undefined;
        case undefined:
          continue; // an interim answer: the next head follows
      }
    }
  }

  /** Whether there was a head. One of an interim answer is dropped. */
  #takeHead(): boolean {
    const end = this.#rest.indexOf(headEnd);
    if (end < 0) {
      if (this.#rest.length > headBytesMax) throw new Unreadable("its head is too large");
      return false;
    }
    const head = readHead(this.#rest.toString("latin1", 0, end));
    this.#rest = this.#rest.subarray(end + headEnd.length);
    if (head.status >= 200) this.#head = head;
    return true;
  }

  #takeLength(bytes: Buffer, length: number): Answer | undefined {
    const missing = length - this.#bodyBytes;
    if (bytes.length < missing) {
      this.#keep(bytes);
      return undefined;
    }
    // Mostly all comes in one piece, and nothing is copied.
    this.#rest = bytes.subarray(missing);
    if (this.#bodyBytes === 0) return this.#finish(bytes.toString("utf8", 0, length));
    this.#keep(bytes.subarray(0, missing));
    return this.#whole();
  }

  #takeChunks(): Answer | undefined {
    for (;;) {
      const end = this.#rest.indexOf(lineEnd);
      if (end < 0 || end > lineBytesMax) {
        if (this.#rest.length > lineBytesMax)
          throw new Unreadable("a line in its body is too long");
        return undefined;
      }
      const after = end + lineEnd.length;
      if (this.#trailers !== undefined) {
        this.#rest = this.#rest.subarray(after);
        if (end === 0) return this.#whole();
        this.#trailers += 1;
        if (this.#trailers > trailersMax) throw new Unreadable("it has too many trailers");
        continue;
      }
      const size = /^([0-9a-fA-F]{1,8})[ \t]*(;.*)?$/.exec(
        this.#rest.toString("latin1", 0, end),
      )?.[1];
      if (size === undefined) throw new Unreadable("a chunk has no size");
      const bytes = Number.parseInt(size, 16);
      if (this.#bodyBytes + bytes > bodyBytesMax) throw tooLarge();
      if (bytes === 0) {
        this.#trailers = 0;
        this.#rest = this.#rest.subarray(after);
        continue;
      }
      if (this.#rest.length < after + bytes + lineEnd.length) return undefined;
      this.#keep(this.#rest.subarray(after, after + bytes));
      if (!this.#rest.subarray(after + bytes, after + bytes + 2).equals(lineEnd))
        throw new Unreadable("a chunk is longer than it says");
      this.#rest = this.#rest.subarray(after + bytes + lineEnd.length);
    }
  }

  #all(): Buffer {
    const all = this.#rest;
    this.#rest = none;
    return all;
  }

  #keep(bytes: Buffer): void {
    this.#bodyBytes += bytes.length;
    if (this.#bodyBytes > bodyBytesMax) throw tooLarge();
    this.#body.push(Buffer.from(bytes));
  }

  #whole(): Answer {
    return this.#finish(Buffer.concat(this.#body).toString("utf8"));
  }

  #finish(text: string): Answer {
    const { status, contentType, retryAfterMs, keepsAlive } = this.#head as Head;
    this.#head = undefined;
    this.#trailers = undefined;
    this.#body.length = 0;
    this.#bodyBytes = 0;
    return { status, contentType, retryAfterMs, text, keepsAlive };
  }
}

function tooLarge(): Unreadable {
  return new Unreadable(`its body has more than ${bodyBytesMax} bytes; ask for less at once`);
}

export function readHead(text: string): Head {
  const lines = text.split("\r\n");
  const [, minor, code] = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(lines[0] ?? "") ?? [];
  if (code === undefined) throw new Unreadable("it is not HTTP/1.1");
  const status = Number(code);
  let length: string | undefined;
  let encoding: string | undefined;
  let contentType = "";
  let retryAfterMs: number | undefined;
  let connection = minor === "0" ? "close" : "keep-alive";
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(":");
    const value = line.slice(colon + 1).trim();
    switch (line.slice(0, colon).toLowerCase()) {
      case "content-length":
        if (length !== undefined && length !== value) throw new Unreadable("it has two lengths");
        length = value;
        break;
      case "transfer-encoding":
        encoding = value.toLowerCase();
        break;
      case "content-type":
        contentType = value.toLowerCase();
        break;
      case "connection":
        connection = value.toLowerCase();
        break;
      case "retry-after":
        if (/^\d{1,6}$/.test(value)) retryAfterMs = 1_000 * Number(value);
        break;
    }
  }
  const body = bodyOf(status, length, encoding);
  const keepsAlive = connection !== "close" && body.kind !== "untilEnd";
  return { status, contentType, retryAfterMs, keepsAlive, body };
}

function bodyOf(status: number, length?: string, encoding?: string): Head["body"] {
  if (status < 200 || status === 204 || status === 304) return { kind: "length", bytes: 0 };
  if (encoding !== undefined) {
    if (encoding !== "chunked") throw new Unreadable(`its transfer-encoding is ${encoding}`);
    return { kind: "chunks" };
  }
  if (length === undefined) return { kind: "untilEnd" };
  if (!/^\d{1,15}$/.test(length)) throw new Unreadable("its length is no number");
  if (Number(length) > bodyBytesMax) throw tooLarge();
  return { kind: "length", bytes: Number(length) };
}
