/** Bytes that have arrived and wait for their reader. Many small pieces cost no more than their bytes. */
const blockBytes = 4 * 1024;

export class Unread {
  readonly #blocks: Uint8Array[] = [];
  /** How much of the last block is filled; the others are full. */
  #lastBytes = 0;

  /** Copied: the bytes remain their owner's. */
  push(bytes: Uint8Array): void {
    const last = this.#blocks.at(-1);
    const roomBytes = last === undefined ? 0 : last.length - this.#lastBytes;
    const here = bytes.subarray(0, roomBytes);
    last?.set(here, this.#lastBytes);
    this.#lastBytes += here.length;
    const rest = bytes.subarray(here.length);
    if (rest.length === 0) return;
    const block = new Uint8Array(Math.max(rest.length, blockBytes));
    block.set(rest);
    this.#blocks.push(block);
    this.#lastBytes = rest.length;
  }

  /** The oldest, in one piece. */
  take(): Uint8Array | undefined {
    const block = this.#blocks.shift();
    return this.#blocks.length === 0 ? block?.subarray(0, this.#lastBytes) : block;
  }

  clear(): void {
    this.#blocks.length = 0;
  }
}
