/** ZooKeeper's encoding, as far as locks need it: whole numbers of four and eight bytes, and texts after their length. As latin1. */

export function int(value: number): string {
  return String.fromCharCode(
    ...[(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff],
  );
}

export function text(value: string): string {
  return int(value.length) + value;
}

export const zeroLong = "\0".repeat(8);
export const yes = "\x01";
export const no = "\0";

export function textAt(bytes: Buffer, at: number): string {
  const start = at + intBytes;
  return bytes.toString("latin1", start, start + bytes.readInt32BE(at));
}

export function textsAt(bytes: Buffer, at: number): string[] {
  const texts: string[] = [];
  let next = at + intBytes;
  for (let left = bytes.readInt32BE(at); left > 0; left--) {
    texts.push(textAt(bytes, next));
    next += intBytes + bytes.readInt32BE(next);
  }
  return texts;
}

export const intBytes = 4;
