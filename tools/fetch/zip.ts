/** One file out of a zip archive: what is needed of the format, so that no machine needs an unzip. */
import { inflateRawSync } from "node:zlib";

const endMark = 0x06054b50;
const entryMark = 0x02014b50;
const endBytes = 22;
const entryBytes = 46;
const localBytes = 30;
const stored = 0;
const deflated = 8;

/** Throws where the archive has no such file, or is none. */
export function takeFromZip(archive: Buffer, name: string): Buffer {
  for (const entry of entriesOf(archive)) {
    if (entry.name !== name) continue;
    // The local header's own fields may be longer than the directory's.
    const nameBytes = archive.readUInt16LE(entry.at + 26);
    const extraBytes = archive.readUInt16LE(entry.at + 28);
    const from = entry.at + localBytes + nameBytes + extraBytes;
    const bytes = archive.subarray(from, from + entry.packedBytes);
    if (entry.method === stored) return Buffer.from(bytes);
    if (entry.method === deflated)
      return inflateRawSync(bytes, { maxOutputLength: entry.unpackedBytes });
    throw new Error(`${name} is packed by the method ${entry.method}, which is not known here`);
  }
  throw new Error(`the archive has no ${name}`);
}

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly packedBytes: number;
  readonly unpackedBytes: number;
  readonly at: number;
}

/** Of the directory at the archive's end. */
function* entriesOf(archive: Buffer): Generator<Entry> {
  const end = archive.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  if (end < 0 || end + endBytes > archive.length || archive.readUInt32LE(end) !== endMark)
    throw new Error("this is no zip archive");
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left--) {
    if (archive.readUInt32LE(at) !== entryMark) throw new Error("the archive is damaged");
    const nameBytes = archive.readUInt16LE(at + 28);
    const moreBytes = archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
    yield {
      name: archive.toString("utf8", at + entryBytes, at + entryBytes + nameBytes),
      method: archive.readUInt16LE(at + 10),
      packedBytes: archive.readUInt32LE(at + 20),
      unpackedBytes: archive.readUInt32LE(at + 24),
      at: archive.readUInt32LE(at + 42),
    };
    at += entryBytes + nameBytes + moreBytes;
  }
}
