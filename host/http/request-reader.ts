/**
 * What arrives on one connection, as requests: a head, its body where it has one, the next head …
 *
 *   head → (body →) head → …
 *
 * Pure: bytes are pushed, and what they amount to is asked for. After `tooLarge` and Unreadable there is nothing more to be
 * asked. The usual request comes in one piece and is read where it lies.
 */
import { headerBytesMax } from "./limits.ts";
import { ChunkedBody, LengthBody, type BodyReader } from "./request-body.ts";
import { parseHead, Unreadable, type RequestHead } from "./request-head.ts";

export type Read =
  | RequestHead
  /** The body of the head before it. */
  | Buffer
  | "tooLarge"
  | Unreadable;

const endOfHead = Buffer.from("\r\n\r\n");
const cr = 0x0d;
const lf = 0x0a;
/** A TLS client begins with this byte. */
const tlsHandshake = 0x16;
const noHttp = new Unreadable("malformed", "it does not begin with a method");
const withTls = new Unreadable("tls");
const nothing = Buffer.alloc(0);

export class RequestReader {
  /** Bytes from `#at` on are still to be read. */
  #bytes: Buffer = nothing;
  #at = 0;
  /** Up to here no end of the head was found. */
  #searched = 0;
  /** One blank line before a request is left out (RFC 9112, 2.2). */
  #hasSkipped = false;
  #body: BodyReader | undefined;

  push(bytes: Buffer): void {
    if (this.#at === this.#bytes.length) this.#bytes = bytes;
    else this.#bytes = Buffer.concat([this.#bytes.subarray(this.#at), bytes]);
    this.#searched -= this.#at;
    this.#at = 0;
  }

  get isReadingBody(): boolean {
    return this.#body !== undefined;
  }

  /** Part of a request has come. */
  get isMidway(): boolean {
    return this.#body !== undefined || this.#at < this.#bytes.length;
  }

  /** What comes next; undefined: it has not come as a whole. */
  next(): Read | undefined {
    const read = this.#body === undefined ? this.#nextHead() : this.#nextBody(this.#body);
    if (read === undefined) this.#keepRest();
    return read;
  }

  #nextHead(): Read | undefined {
    if (this.#at === this.#bytes.length) return undefined;
    if (!this.#hasSkipped) this.#skipLine();
    const found = this.#bytes.indexOf(endOfHead, Math.max(this.#at, this.#searched));
    const size = (found < 0 ? this.#bytes.length : found + endOfHead.length) - this.#at;
    if (size > headerBytesMax) return this.#overflow();
    if (found < 0) return this.#partialFault();
    const head = parseHead(this.#bytes, this.#at, found);
    this.#at += size;
    this.#searched = this.#at;
    this.#hasSkipped = false;
    if (!(head instanceof Unreadable)) this.#body = bodyOf(head);
    return head;
  }

  #nextBody(body: BodyReader): Read | undefined {
    if (body.result === undefined && this.#at < this.#bytes.length)
      this.#at = body.read(this.#bytes, this.#at);
    const { result } = body;
    if (!Buffer.isBuffer(result)) return result;
    this.#body = undefined;
    this.#searched = this.#at;
    return result;
  }

  /** Keeps no more than what is still to be read. */
  #keepRest(): void {
    if (this.#at === this.#bytes.length) this.#bytes = nothing;
    else if (this.#at > 0) this.#bytes = Buffer.from(this.#bytes.subarray(this.#at));
    this.#at = 0;
    this.#searched = Math.max(0, this.#bytes.length - endOfHead.length + 1);
  }

  #skipLine(): void {
    if (this.#bytes[this.#at] !== cr || this.#bytes[this.#at + 1] !== lf) return;
    this.#at += 2;
    this.#hasSkipped = true;
  }

  /** What can be told of a head that has not come as a whole: who does not speak HTTP will not end it either. */
  #partialFault(): Unreadable | undefined {
    const first = this.#bytes[this.#at];
    if (first === undefined || first === cr) return undefined;
    if (first === tlsHandshake) return withTls;
    return first >= 0x41 && first <= 0x5a ? undefined : noHttp;
  }

  /** A head that is too large without a line end is all request line. */
  #overflow(): Unreadable {
    const line = this.#bytes.subarray(this.#at, this.#at + headerBytesMax);
    return new Unreadable(line.includes("\n") ? "headers" : "line");
  }
}

function bodyOf({ bodyLength }: RequestHead): BodyReader | undefined {
  if (bodyLength === 0) return undefined;
  return bodyLength === "chunked" ? new ChunkedBody() : new LengthBody(bodyLength);
}
