/**
 * gRPC's framing: each message on a stream is a byte (compressed or not), four bytes of length, and the message.
 */

/** What one message may hold. etcd has no bound of its own for an answer; a list of 100,000 contenders is 20 MiB. */
export const messageMaxBytes = 256 * 1024 * 1024;

const prefixBytes = 5;

export function frame(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(prefixBytes + message.length);
  new DataView(framed.buffer).setUint32(1, message.length);
  framed.set(message, prefixBytes);
  return framed;
}

/** What the other side sent is not gRPC: nothing that follows on the stream can be understood. */
export class FramingError extends Error {
  override readonly name = "FramingError";
}

/** Cuts a stream of chunks, split anywhere, into messages. */
export class Deframer {
  readonly #maxBytes: number;
  #chunks: Uint8Array[] = [];
  #heldBytes = 0;
  /** Of the message under way, with its prefix; undefined: the prefix is not there yet. */
  #neededBytes: number | undefined;

  constructor(maxBytes: number = messageMaxBytes) {
    this.#maxBytes = maxBytes;
  }

  /** True where a message has begun and not ended. */
  get unfinished(): boolean {
    return this.#heldBytes > 0;
  }

  /** The messages that this chunk completes. Throws {@link FramingError}. */
  push(chunk: Uint8Array): Uint8Array[] {
    this.#chunks.push(chunk);
    this.#heldBytes += chunk.length;
    const messages: Uint8Array[] = [];
    for (;;) {
      this.#neededBytes ??= this.#readPrefix();
      if (this.#neededBytes === undefined || this.#heldBytes < this.#neededBytes) return messages;
      messages.push(this.#take(this.#neededBytes));
      this.#neededBytes = undefined;
    }
  }

  #readPrefix(): number | undefined {
    if (this.#heldBytes < prefixBytes) return undefined;
    const held = this.#joined();
    if (held[0] !== 0) throw new FramingError("a message is compressed, which was not asked for");
    const sizeBytes = new DataView(held.buffer, held.byteOffset, prefixBytes).getUint32(1);
    if (sizeBytes > this.#maxBytes) {
      throw new FramingError(`a message has ${sizeBytes} bytes, the limit is ${this.#maxBytes}`);
    }
    return prefixBytes + sizeBytes;
  }

  /** Joined only when a message is complete, so that a long one is copied once. */
  #take(sizeBytes: number): Uint8Array {
    const held = this.#joined();
    const rest = held.subarray(sizeBytes);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#heldBytes = rest.length;
    return held.subarray(prefixBytes, sizeBytes);
  }

  #joined(): Uint8Array {
    const [only] = this.#chunks;
    if (only !== undefined && this.#chunks.length === 1) return only;
    const held = new Uint8Array(this.#heldBytes);
    let at = 0;
    for (const chunk of this.#chunks) {
      held.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [held];
    return held;
  }
}
