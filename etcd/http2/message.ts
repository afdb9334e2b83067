/**
 * gRPC's framing: each message on a stream is a byte (compressed or not), four bytes of length, and the message.
 */

/** What one message may hold. etcd has no bound of its own for an answer; a list of 100,000 contenders is 20 MiB. */
export const messageMaxBytes = 256 * 1024 * 1024;

const prefixBytes = 5;

/** What goes before a message. */
export function prefixOf(message: Uint8Array): Uint8Array {
  const prefix = new Uint8Array(prefixBytes);
  new DataView(prefix.buffer).setUint32(1, message.length);
  return prefix;
}

export function frame(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(prefixBytes + message.length);
  framed.set(prefixOf(message));
  framed.set(message, prefixBytes);
  return framed;
}

/** What the other side sent is not gRPC: nothing that follows on the stream can be understood. */
export class FramingError extends Error {
  override readonly name = "FramingError";
}

/** Puts chunks, split anywhere, together to messages. Of the chunks themselves nothing is kept. */
export class Deframer {
  readonly #maxBytes: number;
  readonly #prefix = new Uint8Array(prefixBytes);
  /** Undefined: the prefix is not there yet. */
  #message: Uint8Array | undefined;
  /** Of the prefix, or else of the message. */
  #filledBytes = 0;

  constructor(maxBytes: number = messageMaxBytes) {
    this.#maxBytes = maxBytes;
  }

  /** True where a message has begun and not ended. */
  get unfinished(): boolean {
    return this.#filledBytes > 0 || this.#message !== undefined;
  }

  /** The messages that this chunk completes. Throws {@link FramingError}. */
  push(chunk: Uint8Array): Uint8Array[] {
    const messages: Uint8Array[] = [];
    let at = 0;
    while (at < chunk.length) {
      at += this.#fill(this.#message ?? this.#prefix, chunk.subarray(at));
      if (this.#message === undefined && this.#filledBytes === prefixBytes) {
        this.#message = this.#begin();
        this.#filledBytes = 0;
      }
      if (this.#message !== undefined && this.#filledBytes === this.#message.length) {
        messages.push(this.#message);
        this.#message = undefined;
        this.#filledBytes = 0;
      }
    }
    return messages;
  }

  #fill(target: Uint8Array, chunk: Uint8Array): number {
    const tookBytes = Math.min(target.length - this.#filledBytes, chunk.length);
    target.set(chunk.subarray(0, tookBytes), this.#filledBytes);
    this.#filledBytes += tookBytes;
    return tookBytes;
  }

  #begin(): Uint8Array {
    const prefix = this.#prefix;
    if (prefix[0] !== 0) {
      throw new FramingError("a message is compressed, which was not asked for");
    }
    const sizeBytes = new DataView(prefix.buffer).getUint32(1);
    if (sizeBytes > this.#maxBytes) {
      throw new FramingError(`a message has ${sizeBytes} bytes, the limit is ${this.#maxBytes}`);
    }
    return new Uint8Array(sizeBytes);
  }
}
