/** A stream of bytes cut into lines, as a watch sends its events: one JSON object a line. */

/** One object is at most 1.5 MiB in etcd, and somewhat longer as JSON. */
export const lineBytesMax = 16 * 1024 * 1024;

/** The stream cannot be a watch's. */
export class LineTooLong extends Error {
  override readonly name = "LineTooLong";
}

/** The stream ended within a line: the connection broke. */
export class HalfLine extends Error {
  override readonly name = "HalfLine";
}

const newline = 0x0a;
const decoder = new TextDecoder();

/**
 * Lines without their ends; empty ones are left out. Throws {@link LineTooLong}, {@link HalfLine} and what `chunks`
 * throws. At most one line and one chunk are held.
 */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  sizeBytesMax = lineBytesMax,
): AsyncGenerator<string> {
  let parts: Uint8Array[] = [];
  let sizeBytes = 0;
  const add = (part: Uint8Array): void => {
    sizeBytes += part.length;
    if (sizeBytes > sizeBytesMax)
      throw new LineTooLong(`a line has more than ${sizeBytesMax} bytes`);
    if (part.length > 0) parts.push(part);
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(newline, from);
      if (end < 0) break;
      add(chunk.subarray(from, end));
      if (sizeBytes > 0) yield textOf(parts, sizeBytes);
      parts = [];
      sizeBytes = 0;
      from = end + 1;
    }
    add(chunk.subarray(from));
  }
  if (sizeBytes > 0) throw new HalfLine(`the stream ended within a line, after ${sizeBytes} bytes`);
}

function textOf(parts: readonly Uint8Array[], sizeBytes: number): string {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return decoder.decode(only);
  const whole = new Uint8Array(sizeBytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return decoder.decode(whole);
}
