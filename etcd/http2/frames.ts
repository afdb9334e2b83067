/**
 * The frames of HTTP/2 (RFC 9113, sections 4 and 6): their numbers, how they are made, how they are cut from what
 * arrives. What they mean is said in {@link file://./session.ts}.
 */

export const frameHeadBytes = 9;
/** The least that each side must take. We announce no more, and send no more. */
export const framePayloadMaxBytes = 16_384;

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flag = {
  ack: 0x1,
  endStream: 0x1,
  endHeaders: 0x4,
  padded: 0x8,
  priority: 0x20,
} as const;

export const errorCode = {
  noError: 0,
  protocolError: 1,
  flowControlError: 3,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  enhanceYourCalm: 11,
} as const;

export type ErrorCode = (typeof errorCode)[keyof typeof errorCode];

/** The other side breaks the protocol: nothing that follows on the connection can be trusted. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly code: ErrorCode;

  constructor(message: string, code: ErrorCode = errorCode.protocolError) {
    super(message);
    this.code = code;
  }
}

export interface FrameHead {
  readonly type: number;
  readonly flags: number;
  /** 0: the connection itself. */
  readonly stream: number;
}

export interface Frame extends FrameHead {
  /** Good only until the next bytes are taken: what is kept is copied. */
  readonly payload: Uint8Array;
}

/** Gives back where the payload goes. */
export function putFrameHead(
  into: Uint8Array,
  at: number,
  { type, flags, stream, sizeBytes }: FrameHead & { readonly sizeBytes: number },
): number {
  into[at] = sizeBytes >>> 16;
  into[at + 1] = sizeBytes >>> 8;
  into[at + 2] = sizeBytes;
  into[at + 3] = type;
  into[at + 4] = flags;
  putUint32(into, at + 5, stream);
  return at + frameHeadBytes;
}

export function frame(head: FrameHead, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(frameHeadBytes + payload.length);
  bytes.set(payload, putFrameHead(bytes, 0, { ...head, sizeBytes: payload.length }));
  return bytes;
}

export function windowUpdateFrame(stream: number, incrementBytes: number): Uint8Array {
  return frame({ type: frameType.windowUpdate, flags: 0, stream }, uint32(incrementBytes));
}

export function rstStreamFrame(stream: number, code: ErrorCode): Uint8Array {
  return frame({ type: frameType.rstStream, flags: 0, stream }, uint32(code));
}

export function pingFrame(payload: Uint8Array, flags: number): Uint8Array {
  return frame({ type: frameType.ping, flags, stream: 0 }, payload);
}

/** The server opens no streams here, so the last one that was processed is always 0. */
export function goawayFrame(code: ErrorCode, text: string): Uint8Array {
  const why = new TextEncoder().encode(text);
  const payload = new Uint8Array(8 + why.length);
  putUint32(payload, 4, code);
  payload.set(why, 8);
  return frame({ type: frameType.goaway, flags: 0, stream: 0 }, payload);
}

/** One frame, or as many as it takes. The stream does not end with them: a message follows. */
export function headersFrames(stream: number, block: Uint8Array): Uint8Array {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < block.length; at += framePayloadMaxBytes) {
    const end = at + framePayloadMaxBytes;
    const type = at === 0 ? frameType.headers : frameType.continuation;
    const flags = end >= block.length ? flag.endHeaders : 0;
    frames.push(frame({ type, flags, stream }, block.subarray(at, end)));
  }
  const [only] = frames;
  return only !== undefined && frames.length === 1 ? only : Buffer.concat(frames);
}

/** The payload without what fills it up. Throws {@link ProtocolError}. */
export function unpadded({ flags, payload }: Frame): Uint8Array {
  if ((flags & flag.padded) === 0) return payload;
  const [paddingBytes] = payload;
  if (paddingBytes === undefined || paddingBytes >= payload.length) {
    throw new ProtocolError("a frame has more padding than bytes");
  }
  return payload.subarray(1, payload.length - paddingBytes);
}

export function putUint32(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  putUint32(bytes, 0, value);
  return bytes;
}

/** What lies behind the end counts as 0: who reads has looked at the length. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return readUint31(bytes, at) + ((bytes[at] ?? 0) >>> 7) * 2 ** 31;
}

/** Stream ids and increments: the highest bit is reserved, and passed over. */
export function readUint31(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
  return ((a & 0x7f) << 24) | (b << 16) | (c << 8) | d;
}
