/** The few forms of ASN.1's DER that a certificate is made of (ITU-T X.690). */

const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8: 0x0c,
  sequence: 0x30,
  set: 0x31,
  null: 0x05,
  utcTime: 0x17,
  generalizedTime: 0x18,
} as const;

const shortLengthMax = 0x7f;

export function tagged(tag: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content]);
}

function lengthOf(length: number): Buffer {
  if (length <= shortLengthMax) return Buffer.from([length]);
  const bytes = bytesOf(BigInt(length));
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}

function bytesOf(value: bigint): Buffer {
  const hex = value.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex");
}

export const sequence = (...parts: readonly Buffer[]): Buffer =>
  tagged(tags.sequence, Buffer.concat(parts));
export const set = (...parts: readonly Buffer[]): Buffer => tagged(tags.set, Buffer.concat(parts));
export const octets = (content: Buffer): Buffer => tagged(tags.octetString, content);
export const utf8 = (text: string): Buffer => tagged(tags.utf8, Buffer.from(text));
export const yes = tagged(tags.boolean, Buffer.from([0xff]));

/** Not negative: a first bit that is set would be read as a sign. */
export function integer(value: bigint): Buffer {
  const bytes = bytesOf(value);
  const positive = (bytes[0] ?? 0) > shortLengthMax ? Buffer.concat([Buffer.of(0), bytes]) : bytes;
  return tagged(tags.integer, positive);
}

export function bits(content: Buffer, unused = 0): Buffer {
  return tagged(tags.bitString, Buffer.concat([Buffer.of(unused), content]));
}

/** In whole seconds: UTCTime before the year 2050, GeneralizedTime from then on (RFC 5280, 4.1.2.5). */
export function time(at: Date): Buffer {
  const digits = `${at.toISOString().slice(0, 19).replaceAll(/[-:T]/g, "")}Z`;
  return at.getUTCFullYear() < 2050
    ? tagged(tags.utcTime, Buffer.from(digits.slice(2)))
    : tagged(tags.generalizedTime, Buffer.from(digits));
}

export const nothing = tagged(tags.null, Buffer.alloc(0));

/** The elements that stand one after the other, each with its tag and length. */
export function elements(content: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < content.length;) {
    const first = content[at + 1] ?? 0;
    const digits = first > shortLengthMax ? first & shortLengthMax : 0;
    const length = digits === 0 ? first : content.readUIntBE(at + 2, digits);
    const end = at + 2 + digits + length;
    found.push(content.subarray(at, end));
    at = end;
  }
  return found;
}

/** From its dotted form. */
export function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return tagged(tags.objectId, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value: number): number[] {
  const digits = [value & 0x7f];
  for (let left = value >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80);
  return digits;
}
