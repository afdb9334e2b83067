/**
 * Flow control (RFC 9113, section 5.2): how much either side may send, on a stream and on the connection as a whole.
 */
import { errorCode, ProtocolError } from "./frames.ts";

const windowMaxBytes = 2 ** 31 - 1;

/** What the server lets us send. */
export class SendWindow {
  /** Below 0 where the server made its windows smaller after we had sent. */
  #bytes: number;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  get availableBytes(): number {
    return Math.max(this.#bytes, 0);
  }

  sent(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** The server takes more, or, where its settings changed, less. Throws {@link ProtocolError}. */
  change(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > windowMaxBytes) {
      const message = `a window has more than ${windowMaxBytes} bytes`;
      throw new ProtocolError(message, errorCode.flowControlError);
    }
  }
}

/** What we let the server send. It is told only when half of the window is free again. */
export class ReceiveWindow {
  readonly #sizeBytes: number;
  #leftBytes: number;
  #freedBytes = 0;

  constructor(sizeBytes: number) {
    this.#sizeBytes = sizeBytes;
    this.#leftBytes = sizeBytes;
  }

  /** Throws {@link ProtocolError}. */
  received(bytes: number): void {
    this.#leftBytes -= bytes;
    if (this.#leftBytes < 0) {
      const message = `more was sent than the window of ${this.#sizeBytes} bytes takes`;
      throw new ProtocolError(message, errorCode.flowControlError);
    }
  }

  /** What was received has been read. Gives back what the server is to be told of, 0: nothing yet. */
  consumed(bytes: number): number {
    this.#freedBytes += bytes;
    if (this.#freedBytes * 2 < this.#sizeBytes) return 0;
    const told = this.#freedBytes;
    this.#leftBytes += told;
    this.#freedBytes = 0;
    return told;
  }
}
