/**
 * Header blocks written so that the server has to remember nothing: what stands in HPACK's static table is referred to, all
 * else is spelled out. A request's head is a hundred bytes beside a batch of many kilobytes.
 */
import { type Field, staticTable } from "./hpack-tables.ts";

export interface RequestField extends Field {
  /** Never to be kept in a table, by the server or by anybody on the way. */
  readonly secret?: boolean;
}

const indexedKind = 0x80;
const literalKind = 0x00;
const secretKind = 0x10;
/** No number here takes more. */
const integerMaxBytes = 6;

/** The first that stands under a name, and each name with its value. */
const nameIndex = new Map(staticTable.map(({ name }, at) => [name, at + 1] as const).reverse());
const fieldIndex = new Map(staticTable.map((field, at) => [keyOf(field), at + 1]));

/** Names and values in ASCII. */
export function encodeFields(fields: readonly RequestField[]): Uint8Array {
  let maxBytes = 0;
  for (const { name, value } of fields) {
    maxBytes += name.length + value.length + 3 * integerMaxBytes;
  }
  const block = new BlockWriter(maxBytes);
  for (const field of fields) putField(block, field);
  return block.written;
}

function putField(block: BlockWriter, field: RequestField): void {
  const { name, value, secret = false } = field;
  const whole = secret ? undefined : fieldIndex.get(keyOf(field));
  if (whole !== undefined) {
    block.putInteger(whole, { prefixBits: 7, kind: indexedKind });
    return;
  }
  const index = nameIndex.get(name) ?? 0;
  block.putInteger(index, { prefixBits: 4, kind: secret ? secretKind : literalKind });
  if (index === 0) block.putText(name);
  block.putText(value);
}

class BlockWriter {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(maxBytes: number) {
    this.#bytes = Buffer.allocUnsafe(maxBytes);
  }

  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Spelled out, not in Huffman code. */
  putText(text: string): void {
    this.putInteger(text.length, { prefixBits: 7, kind: 0 });
    this.#at += this.#bytes.write(text, this.#at, "latin1");
  }

  /** `kind`: what the bits above the prefix say. */
  putInteger(value: number, { prefixBits, kind }: { prefixBits: number; kind: number }): void {
    const prefixMax = 2 ** prefixBits - 1;
    if (value < prefixMax) {
      this.#bytes[this.#at++] = kind | value;
      return;
    }
    this.#bytes[this.#at++] = kind | prefixMax;
    let rest = value - prefixMax;
    for (; rest >= 0x80; rest >>>= 7) this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
    this.#bytes[this.#at++] = rest;
  }
}

function keyOf({ name, value }: Field): string {
  return `${name}: ${value}`;
}
