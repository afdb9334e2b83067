/** A tar archive (ustar), as far as images need it: files, folders and links, owned by root, without a time. */

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

/** The same entries give the same bytes. */
export function tar(entries: readonly Entry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const content = entry.is.kind === "file" ? entry.is.content : Buffer.alloc(0);
    const rest = content.length % blockBytes;
    return [headOf(entry), content, Buffer.alloc(rest === 0 ? 0 : blockBytes - rest)];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * blockBytes)]);
}

function headOf({ name, mode, is }: Entry): Buffer {
  if (Buffer.byteLength(name) > nameBytesMax) throw new Error(`${name} is too long a name for tar`);
  const head = Buffer.alloc(blockBytes);
  const octal = (value: number, at: number, width: number): void => {
    head.write(value.toString(8).padStart(width - 1, "0"), at, "latin1");
  };
  head.write(name, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(is.kind === "file" ? is.content.length : 0, 124, 12);
  octal(0, 136, 12);
  head.write({ file: "0", link: "2", folder: "5" }[is.kind], 156, "latin1");
  if (is.kind === "link") head.write(is.target, 157);
  head.write("ustar\0" + "00", 257, "latin1");
  // The sum is taken over the head with spaces in its place.
  head.fill(" ", 148, 156);
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return head;
}
