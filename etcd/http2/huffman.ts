/**
 * HPACK's Huffman code, read. The code is canonical: those of one length are numbers in a row, so that a code is known by
 * its length and its distance from the first of that length.
 */
import { errorCode, ProtocolError } from "./frames.ts";
import { huffmanBits } from "./hpack-tables.ts";

const endOfString = 256;
const bitsMax = 30;
/** What fills up the last byte is shorter than a byte. */
const paddingBitsMax = 7;

interface CodesOfOneLength {
  readonly first: number;
  readonly symbols: readonly number[];
}

/** By their length; made when the first text comes that is coded. */
let codesByBits: readonly CodesOfOneLength[] | undefined;

function canonicalCodes(): readonly CodesOfOneLength[] {
  const symbolsByBits: number[][] = Array.from({ length: bitsMax + 1 }, () => []);
  for (const [symbol, bits] of huffmanBits.entries()) symbolsByBits[bits]?.push(symbol);
  let next = 0;
  return symbolsByBits.map((symbols) => {
    const first = next;
    next = (first + symbols.length) * 2;
    return { first, symbols };
  });
}

/** Throws {@link ProtocolError}. */
export function huffmanDecoded(coded: Uint8Array): Uint8Array {
  // No code has fewer than 5 bits.
  const decoded = new Uint8Array(Math.floor((coded.length * 8) / 5));
  let sizeBytes = 0;
  let code = 0;
  let bits = 0;
  for (const byte of coded) {
    for (let bit = 7; bit >= 0; bit--) {
      code = (code << 1) | ((byte >>> bit) & 1);
      bits += 1;
      const symbol = symbolOf(code, bits);
      if (symbol === undefined) continue;
      decoded[sizeBytes++] = symbol;
      code = 0;
      bits = 0;
    }
  }
  // The beginning of the code for the end of the string, which is ones.
  if (bits > paddingBitsMax || code !== 2 ** bits - 1) throw notHuffman();
  return decoded.subarray(0, sizeBytes);
}

function symbolOf(code: number, bits: number): number | undefined {
  codesByBits ??= canonicalCodes();
  const codes = codesByBits[bits];
  const symbol = codes?.symbols[code - codes.first];
  if (symbol === endOfString) throw notHuffman();
  return symbol;
}

function notHuffman(): ProtocolError {
  return new ProtocolError("a header is not Huffman code", errorCode.compressionError);
}
