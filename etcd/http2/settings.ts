/** What each side tells the other when a connection begins, and may change later (RFC 9113, section 6.5). */
import {
  errorCode,
  frame,
  frameType,
  framePayloadMaxBytes,
  ProtocolError,
  putUint32,
  readUint32,
} from "./frames.ts";
import { headerListMaxBytes } from "./hpack-decoder.ts";

const settingId = {
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

const settingBytes = 6;
const windowMaxBytes = 2 ** 31 - 1;
const framePayloadLimitBytes = 2 ** 24 - 1;

/** What HTTP/2 begins with, on both sides. */
export const firstWindowBytes = 65_535;
/** A watch that falls behind must not slow the others: its own window bounds what may lie here unread. */
export const streamWindowBytes = 4 * 1024 * 1024;

export function ourSettings(): Uint8Array {
  const settings = [
    [settingId.enablePush, 0],
    [settingId.initialWindowSize, streamWindowBytes],
    [settingId.maxHeaderListSize, headerListMaxBytes],
  ] as const;
  const payload = new Uint8Array(settings.length * settingBytes);
  for (const [at, [id, value]] of settings.entries()) {
    payload[at * settingBytes + 1] = id;
    putUint32(payload, at * settingBytes + 2, value);
  }
  return frame({ type: frameType.settings, flags: 0, stream: 0 }, payload);
}

/** Those of the server's that bind us. Frames of ours are never larger than what it must take. */
export interface PeerSettings {
  readonly streamsMax: number;
  readonly streamWindowBytes: number;
}

export const firstPeerSettings: PeerSettings = {
  streamsMax: Number.POSITIVE_INFINITY,
  streamWindowBytes: firstWindowBytes,
};

/** As they are after this frame. Throws {@link ProtocolError}. */
export function readSettings(payload: Uint8Array, before: PeerSettings): PeerSettings {
  if (payload.length % settingBytes !== 0) {
    const message = `settings have ${payload.length} bytes`;
    throw new ProtocolError(message, errorCode.frameSizeError);
  }
  let settings = before;
  for (let at = 0; at < payload.length; at += settingBytes) {
    const id = ((payload[at] ?? 0) << 8) | (payload[at + 1] ?? 0);
    settings = withSetting(settings, id, readUint32(payload, at + 2));
  }
  return settings;
}

function withSetting(settings: PeerSettings, id: number, value: number): PeerSettings {
  switch (id) {
    case settingId.enablePush:
      if (value !== 0) throw new ProtocolError("the server wants to be pushed to");
      return settings;
    case settingId.maxConcurrentStreams:
      return { ...settings, streamsMax: value };
    case settingId.initialWindowSize:
      if (value > windowMaxBytes) {
        const message = `the server announces windows of ${value} bytes`;
        throw new ProtocolError(message, errorCode.flowControlError);
      }
      return { ...settings, streamWindowBytes: value };
    case settingId.maxFrameSize:
      if (value < framePayloadMaxBytes || value > framePayloadLimitBytes) {
        throw new ProtocolError(`the server announces frames of ${value} bytes`);
      }
      return settings;
    default:
      // Unknown ones are passed over; a table for HPACK is not used; the length of headers is advice.
      return settings;
  }
}
