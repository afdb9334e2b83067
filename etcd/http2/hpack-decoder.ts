/**
 * Header blocks as HPACK (RFC 7541) writes them, read. The table of the fields that the server refers to again is part of
 * the connection: each block has to be read, in order, also those that nobody asks for. We leave the table at the size
 * that HTTP/2 begins with: the fields of an answer then cost a byte each, from the second answer on.
 */
import { errorCode, ProtocolError } from "./frames.ts";
import { type Field, staticTable } from "./hpack-tables.ts";
import { huffmanDecoded } from "./huffman.ts";

/** What HTTP/2 begins with. */
const tableMaxBytes = 4_096;
/** What a field counts for, beside its letters. */
const fieldExtraBytes = 32;
/** As announced. etcd's longest are its error messages. */
export const headerListMaxBytes = 64 * 1024;
/** No number here is larger than a few kilobytes. */
const integerBitsMax = 28;

export class HpackDecoder {
  /** Newest last. */
  readonly #table: Field[] = [];
  #tableBytes = 0;
  #tableMaxBytes = tableMaxBytes;

  /** Throws {@link ProtocolError}: after it no other block can be read. */
  decode(block: Uint8Array): Field[] {
    const cursor = new Cursor(block);
    const fields: Field[] = [];
    let listBytes = 0;
    while (!cursor.atEnd) {
      const field = this.#readField(cursor, fields.length === 0);
      if (field === undefined) continue;
      listBytes += sizeBytesOf(field);
      if (listBytes > headerListMaxBytes) {
        const message = `the headers of an answer have more than ${headerListMaxBytes} bytes`;
        throw new ProtocolError(message, errorCode.enhanceYourCalm);
      }
      fields.push(field);
    }
    return fields;
  }

  /** Undefined: it was a new size for the table. */
  #readField(cursor: Cursor, atBeginning: boolean): Field | undefined {
    const first = cursor.peek();
    if ((first & 0x80) !== 0) return this.#fieldAt(cursor.readInteger(7));
    if ((first & 0x40) !== 0) {
      const field = this.#readLiteral(cursor, 6);
      this.#add(field);
      return field;
    }
    if ((first & 0x20) === 0) return this.#readLiteral(cursor, 4);
    if (!atBeginning) throw notHpack("the table changes its size within a block");
    this.#resize(cursor.readInteger(5));
    return undefined;
  }

  #readLiteral(cursor: Cursor, prefixBits: number): Field {
    const index = cursor.readInteger(prefixBits);
    const name = index === 0 ? cursor.readText() : this.#fieldAt(index).name;
    return { name, value: cursor.readText() };
  }

  #fieldAt(index: number): Field {
    const field =
      index <= staticTable.length
        ? staticTable[index - 1]
        : this.#table[this.#table.length - (index - staticTable.length)];
    if (field === undefined) throw notHpack(`the table has no field ${index}`);
    return field;
  }

  #add(field: Field): void {
    this.#table.push(field);
    this.#tableBytes += sizeBytesOf(field);
    this.#evict();
  }

  #resize(maxBytes: number): void {
    if (maxBytes > tableMaxBytes) throw notHpack(`the table is to have ${maxBytes} bytes`);
    this.#tableMaxBytes = maxBytes;
    this.#evict();
  }

  /** One that is larger than the table empties it, and is not in it either. */
  #evict(): void {
    while (this.#tableBytes > this.#tableMaxBytes) {
      const oldest = this.#table.shift();
      this.#tableBytes -= oldest === undefined ? this.#tableBytes : sizeBytesOf(oldest);
    }
  }
}

/** Where in a block it is read. */
class Cursor {
  readonly #block: Uint8Array;
  #at = 0;

  constructor(block: Uint8Array) {
    this.#block = block;
  }

  get atEnd(): boolean {
    return this.#at === this.#block.length;
  }

  peek(): number {
    const byte = this.#block[this.#at];
    if (byte === undefined) throw notHpack("a block ends within a field");
    return byte;
  }

  /** The bits of the first byte above the prefix say what is read. */
  readInteger(prefixBits: number): number {
    const prefixMax = 2 ** prefixBits - 1;
    let value = this.#next() & prefixMax;
    if (value < prefixMax) return value;
    for (let shift = 0; ; shift += 7) {
      if (shift >= integerBitsMax) throw notHpack("a number is too large");
      const byte = this.#next();
      value += (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return value;
    }
  }

  readText(): string {
    const huffman = (this.peek() & 0x80) !== 0;
    const sizeBytes = this.readInteger(7);
    const end = this.#at + sizeBytes;
    if (end > this.#block.length) throw notHpack("a block ends within a field");
    const bytes = this.#block.subarray(this.#at, end);
    this.#at = end;
    const { buffer, byteOffset, length } = huffman ? huffmanDecoded(bytes) : bytes;
    return Buffer.from(buffer, byteOffset, length).toString("latin1");
  }

  #next(): number {
    const byte = this.peek();
    this.#at += 1;
    return byte;
  }
}

function sizeBytesOf({ name, value }: Field): number {
  return name.length + value.length + fieldExtraBytes;
}

function notHpack(why: string): ProtocolError {
  return new ProtocolError(`headers cannot be read: ${why}`, errorCode.compressionError);
}
