/** Tar archives (ustar), as far as images need them: files, folders and links, owned by root, without a time. */

export interface Entry {
  readonly name: string;
  readonly mode: number;
  readonly is:
    | { readonly kind: "file"; readonly content: Buffer }
    | { readonly kind: "folder" }
    | { readonly kind: "link"; readonly target: string };
}

const blockBytes = 512;
const nameBytesMax = 100;
const prefixBytesMax = 155;
const linkBytesMax = 100;
/** Types of ustar. */
const typeOf = { file: "0", link: "2", folder: "5" } as const;

/** The same entries give the same bytes. */
export function tar(entries: readonly Entry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const content = entry.is.kind === "file" ? entry.is.content : Buffer.alloc(0);
    return [headOf(entry), content, Buffer.alloc(restOf(content.length))];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * blockBytes)]);
}

/** What {@link tar} wrote. Contents are views of the archive, not copies. */
export function untar(archive: Buffer): Entry[] {
  const entries: Entry[] = [];
  let at = 0;
  while (at + blockBytes <= archive.length && archive[at] !== 0) {
    const head = archive.subarray(at, at + blockBytes);
    const sizeBytes = parseInt(textAt(head, 124, 12), 8);
    const content = archive.subarray(at + blockBytes, at + blockBytes + sizeBytes);
    entries.push(entryOf(head, content));
    at += blockBytes + sizeBytes + restOf(sizeBytes);
  }
  return entries;
}

function entryOf(head: Buffer, content: Buffer): Entry {
  const prefix = textAt(head, 345, prefixBytesMax);
  const name = `${prefix === "" ? "" : `${prefix}/`}${textAt(head, 0, nameBytesMax)}`;
  const mode = parseInt(textAt(head, 100, 8), 8);
  const type = textAt(head, 156, 1);
  switch (type) {
    case typeOf.file:
      return { name, mode, is: { kind: "file", content } };
    case typeOf.folder:
      return { name, mode, is: { kind: "folder" } };
    case typeOf.link:
      return { name, mode, is: { kind: "link", target: textAt(head, 157, linkBytesMax) } };
    default:
      throw new Error(`${name} is of a kind (${type}) that our archives do not have`);
  }
}

function headOf({ name, mode, is }: Entry): Buffer {
  const { prefix, rest } = splitName(name);
  const head = Buffer.alloc(blockBytes);
  const octal = (value: number, at: number, width: number): void => {
    head.write(value.toString(8).padStart(width - 1, "0"), at, "latin1");
  };
  head.write(rest, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(is.kind === "file" ? is.content.length : 0, 124, 12);
  octal(0, 136, 12);
  head.write(typeOf[is.kind], 156, "latin1");
  if (is.kind === "link") {
    if (Buffer.byteLength(is.target) > linkBytesMax)
      throw new Error(`${is.target} is too long a name for tar`);
    head.write(is.target, 157);
  }
  head.write("ustar\0" + "00", 257, "latin1");
  head.write(prefix, 345);
  // The sum is taken over the head with spaces in its place.
  head.fill(" ", 148, 156);
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return head;
}

/** A long name is cut at a slash into two fields. */
function splitName(name: string): { prefix: string; rest: string } {
  if (Buffer.byteLength(name) <= nameBytesMax) return { prefix: "", rest: name };
  for (let slash = name.indexOf("/"); slash > 0; slash = name.indexOf("/", slash + 1)) {
    const [prefix, rest] = [name.slice(0, slash), name.slice(slash + 1)];
    const fits = Buffer.byteLength(prefix) <= prefixBytesMax && rest !== "";
    if (fits && Buffer.byteLength(rest) <= nameBytesMax) return { prefix, rest };
  }
  throw new Error(`${name} is too long a name for tar`);
}

const restOf = (sizeBytes: number): number => (blockBytes - (sizeBytes % blockBytes)) % blockBytes;

/** Up to the first zero byte. */
function textAt(head: Buffer, at: number, bytesMax: number): string {
  const field = head.subarray(at, at + bytesMax);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? bytesMax : end);
}
