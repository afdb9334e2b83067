/**
 * Cuts what arrives, split anywhere, into frames. A frame that lies whole in a chunk is handed on where it lies; one that
 * spans chunks is put together in a buffer of its own, the only one there is.
 */
import {
  errorCode,
  type Frame,
  frameHeadBytes,
  framePayloadMaxBytes,
  ProtocolError,
  readUint31,
} from "./frames.ts";

export class FrameReader {
  readonly #take: (frame: Frame) => void;
  readonly #held = new Uint8Array(frameHeadBytes + framePayloadMaxBytes);
  #heldBytes = 0;

  constructor(take: (frame: Frame) => void) {
    this.#take = take;
  }

  /** Throws {@link ProtocolError}, its own and what `take` throws: then no more may be pushed. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      const wholeBytes = this.#heldBytes === 0 ? wholeFrameBytes(chunk, at) : undefined;
      if (wholeBytes === undefined) at += this.#hold(chunk, at);
      else {
        this.#take(frameAt(chunk, at, wholeBytes));
        at += wholeBytes;
      }
    }
  }

  /** Takes what is missing of the head, or of the frame; gives back how much that was. */
  #hold(chunk: Uint8Array, at: number): number {
    const held = this.#held;
    const neededBytes = this.#heldBytes < frameHeadBytes ? frameHeadBytes : sizeBytesOf(held, 0);
    const tookBytes = Math.min(neededBytes - this.#heldBytes, chunk.length - at);
    held.set(chunk.subarray(at, at + tookBytes), this.#heldBytes);
    this.#heldBytes += tookBytes;
    if (this.#heldBytes >= frameHeadBytes && this.#heldBytes === sizeBytesOf(held, 0)) {
      const sizeBytes = this.#heldBytes;
      this.#heldBytes = 0;
      this.#take(frameAt(held, 0, sizeBytes));
    }
    return tookBytes;
  }
}

/** Undefined where it does not lie whole in the chunk. */
function wholeFrameBytes(chunk: Uint8Array, at: number): number | undefined {
  if (chunk.length - at < frameHeadBytes) return undefined;
  const sizeBytes = sizeBytesOf(chunk, at);
  return chunk.length - at < sizeBytes ? undefined : sizeBytes;
}

/** With its head. */
function sizeBytesOf(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0] = [bytes[at], bytes[at + 1], bytes[at + 2]];
  const payloadBytes = (a << 16) | (b << 8) | c;
  if (payloadBytes > framePayloadMaxBytes) {
    const message = `a frame has ${payloadBytes} bytes, the limit is ${framePayloadMaxBytes}`;
    throw new ProtocolError(message, errorCode.frameSizeError);
  }
  return frameHeadBytes + payloadBytes;
}

function frameAt(bytes: Uint8Array, at: number, sizeBytes: number): Frame {
  return {
    type: bytes[at + 3] ?? 0,
    flags: bytes[at + 4] ?? 0,
    stream: readUint31(bytes, at + 5),
    payload: bytes.subarray(at + frameHeadBytes, at + sizeBytes),
  };
}
