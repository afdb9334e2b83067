/** The headers of an answer as they come: in one frame, or in several that nothing else may come between. */
import { errorCode, flag, type Frame, ProtocolError, unpadded } from "./frames.ts";
import { headerListMaxBytes } from "./hpack-decoder.ts";

const priorityBytes = 5;
/** Compressed, no more than what it may hold. */
const blockMaxBytes = headerListMaxBytes;
const framesMax = 64;

export class HeaderBlock {
  readonly stream: number;
  /** The answer ends with it. */
  readonly last: boolean;
  readonly #fragments: Uint8Array[];
  #sizeBytes: number;

  /** Throws {@link ProtocolError}. */
  constructor(frame: Frame) {
    this.stream = frame.stream;
    this.last = (frame.flags & flag.endStream) !== 0;
    const fragment = fragmentOf(frame);
    this.#fragments = [new Uint8Array(fragment)];
    this.#sizeBytes = fragment.length;
  }

  /** Throws {@link ProtocolError}. */
  add({ payload }: Frame): void {
    this.#fragments.push(new Uint8Array(payload));
    this.#sizeBytes += payload.length;
    if (this.#sizeBytes > blockMaxBytes || this.#fragments.length > framesMax) {
      const message = `headers come in more than ${blockMaxBytes} bytes or ${framesMax} frames`;
      throw new ProtocolError(message, errorCode.enhanceYourCalm);
    }
  }

  get bytes(): Uint8Array {
    const [only] = this.#fragments;
    return only !== undefined && this.#fragments.length === 1
      ? only
      : Buffer.concat(this.#fragments);
  }
}

function fragmentOf(frame: Frame): Uint8Array {
  const payload = unpadded(frame);
  if ((frame.flags & flag.priority) === 0) return payload;
  if (payload.length < priorityBytes) {
    throw new ProtocolError("headers are too short for their priority", errorCode.frameSizeError);
  }
  return payload.subarray(priorityBytes);
}
