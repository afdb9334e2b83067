/**
 * A request's body: as long as it was said to be, or in chunks. Bytes go in as they come; what is kept is bounded, in
 * however small pieces they come.
 *
 *   of a length:  data → whole
 *   in chunks:    size → data → end of data → size … → trailers → whole
 *
 * Each may end as too large or unreadable instead; what follows in the connection is then nothing to be read.
 */
import { bodyBytesMax, extensionBytesMax, headerBytesMax, headersMax } from "./limits.ts";
import { lineFault, Unreadable } from "./request-head.ts";

export interface BodyReader {
  /** Undefined: there is more to come. */
  readonly result: Buffer | "tooLarge" | Unreadable | undefined;
  /** Reads on; what it leaves begins where it says. Not to be asked again when there is a result. */
  read(bytes: Buffer, from: number): number;
}

const empty = Buffer.alloc(0);

/** Bytes that came in pieces. One that came in one piece is not copied. */
class Gathered {
  sizeBytes = 0;
  #bytes: Buffer = empty;
  #isOwn = false;

  add(piece: Buffer): void {
    if (this.sizeBytes === 0) this.#bytes = piece;
    else {
      this.#makeRoom(piece.length);
      piece.copy(this.#bytes, this.sizeBytes);
    }
    this.sizeBytes += piece.length;
  }

  /** More is to come, and the piece was a view of what a socket read. */
  keep(): void {
    if (!this.#isOwn && this.sizeBytes > 0) this.#makeRoom(0);
  }

  get all(): Buffer {
    return this.#bytes.subarray(0, this.sizeBytes);
  }

  #makeRoom(sizeBytes: number): void {
    const needed = this.sizeBytes + sizeBytes;
    if (this.#isOwn && needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.min(bodyBytesMax, 2 * needed));
    this.#bytes.copy(larger, 0, 0, this.sizeBytes);
    this.#bytes = larger;
    this.#isOwn = true;
  }
}

export class LengthBody implements BodyReader {
  result: BodyReader["result"];
  readonly #gathered = new Gathered();
  #leftBytes: number;

  constructor(lengthBytes: number) {
    this.#leftBytes = lengthBytes;
    if (lengthBytes > bodyBytesMax) this.result = "tooLarge";
  }

  read(bytes: Buffer, from: number): number {
    const to = Math.min(bytes.length, from + this.#leftBytes);
    this.#gathered.add(bytes.subarray(from, to));
    this.#leftBytes -= to - from;
    if (this.#leftBytes === 0) this.result = this.#gathered.all;
    else this.#gathered.keep();
    return to;
  }
}

/** A size, and extensions that mean nothing to us: names, each with a value or without. */
const sizeLine =
  /^([\da-f]{1,8})((?:;[\w!#$%&'*+.^`|~-]+(?:=(?:[\w!#$%&'*+.^`|~-]+|"[\w !#-/:-@[\]^`{-~]*"))?)*)$/i;

const badSize = new Unreadable("malformed", "a chunk does not begin with its size in plain hex");
const badEnd = new Unreadable("malformed", "a chunk is not as long as it says");
const badLineEnd = new Unreadable(
  "malformed",
  "a line of the chunked body does not end with CR LF",
);
const badTrailer = new Unreadable("malformed", "a trailer says what only a header may say");
const largeExtensions = new Unreadable("extensions");
const largeTrailers = new Unreadable("headers");

const sizeCharsMax = 8;
const headersOnly = /^(?:content-length|transfer-encoding|host|connection|expect|trailer):/i;

export class ChunkedBody implements BodyReader {
  result: BodyReader["result"];
  readonly #gathered = new Gathered();
  #state: "size" | "data" | "dataEnd" | "trailers" = "size";
  #leftBytes = 0;
  /** What has come of the line that is being read. */
  #line = "";
  #extensionBytes = 0;
  #trailers = 0;
  #trailerBytes = 0;

  read(bytes: Buffer, from: number): number {
    let at = from;
    while (at < bytes.length && this.result === undefined)
      at = this.#state === "data" ? this.#readData(bytes, at) : this.#readLine(bytes, at);
    if (this.result === undefined) this.#gathered.keep();
    return at;
  }

  #readData(bytes: Buffer, from: number): number {
    const to = Math.min(bytes.length, from + this.#leftBytes);
    this.#gathered.add(bytes.subarray(from, to));
    this.#leftBytes -= to - from;
    if (this.#leftBytes === 0) this.#state = "dataEnd";
    return to;
  }

  #readLine(bytes: Buffer, from: number): number {
    const found = bytes.indexOf("\n", from);
    const to = found < 0 ? bytes.length : found + 1;
    this.#line += bytes.toString("latin1", from, to);
    this.result = this.#tooLong(this.#line.length);
    if (this.result !== undefined || found < 0) return to;
    const line = this.#line.slice(0, -2);
    this.result = this.#line.endsWith("\r\n") ? this.#takeLine(line) : badLineEnd;
    this.#line = "";
    return to;
  }

  /** Of a line with its end, as far as it has come. */
  #tooLong(chars: number): Unreadable | undefined {
    switch (this.#state) {
      case "size":
        return this.#extensionBytes + chars - sizeCharsMax - 2 > extensionBytesMax
          ? largeExtensions
          : undefined;
      case "data":
      case "dataEnd":
        return chars > 2 ? badEnd : undefined;
      case "trailers":
        return this.#trailerBytes + chars > headerBytesMax ? largeTrailers : undefined;
      default:
        return this.#state satisfies never;
    }
  }

  #takeLine(line: string): BodyReader["result"] {
    switch (this.#state) {
      case "size":
        return this.#takeSize(line);
      case "data":
      case "dataEnd":
        this.#state = "size";
        return undefined;
      case "trailers":
        return line === "" ? this.#gathered.all : this.#takeTrailer(line);
      default:
        return this.#state satisfies never;
    }
  }

  #takeSize(line: string): BodyReader["result"] {
    const [, size, extensions = ""] = sizeLine.exec(line) ?? [];
    if (size === undefined) return badSize;
    this.#extensionBytes += extensions.length;
    if (this.#extensionBytes > extensionBytesMax) return largeExtensions;
    this.#leftBytes = Number.parseInt(size, 16);
    if (this.#gathered.sizeBytes + this.#leftBytes > bodyBytesMax) return "tooLarge";
    this.#state = this.#leftBytes === 0 ? "trailers" : "data";
    return undefined;
  }

  /** Read so that the next request is found, and dropped: whoever acted on one would act on what nobody checked. */
  #takeTrailer(line: string): Unreadable | undefined {
    this.#trailers++;
    this.#trailerBytes += line.length + 2;
    if (this.#trailers > headersMax || this.#trailerBytes > headerBytesMax) return largeTrailers;
    return headersOnly.test(line) ? badTrailer : lineFault(line);
  }
}
