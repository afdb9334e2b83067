/** The server's side of a session, by hand: it says what bytes a test gives it, and reads what the client wrote. */
import { FrameReader } from "#etcd/http2/frame-reader.ts";
import { flag, type Frame, frame, frameType, putUint32 } from "#etcd/http2/frames.ts";
import { encodeFields } from "#etcd/http2/hpack-encoder.ts";
import type { Field } from "#etcd/http2/hpack-tables.ts";
import type { End, Listener } from "#etcd/http2/exchange.ts";
import { Session } from "#etcd/http2/session.ts";

export const prefaceBytes = 24;

/** Numbers of settings. */
export const setting = { push: 2, streams: 3, window: 4, frameSize: 5 } as const;

export interface PeerPlan {
  readonly firstId?: number;
  /** Said at once, before all else. */
  readonly first?: readonly Uint8Array[];
}

export class Peer {
  /** What the connection is told. */
  readonly told: string[] = [];
  readonly session: Session;
  /** As if so much had not been taken by the network yet. */
  backlogBytes = 0;
  /** As if nothing more was. */
  stuck = false;
  readonly #frames: Frame[] = [];
  readonly #reader = new FrameReader(({ payload, ...head }) => {
    this.#frames.push({ ...head, payload: new Uint8Array(payload) });
  });
  #passedBytes = 0;
  #writes = 0;

  constructor({ firstId = 1, first = [settingsFrame()] }: PeerPlan = {}) {
    const tell = (name: string) => (reason?: string) =>
      void this.told.push(reason === undefined ? name : `${name}: ${reason}`);
    this.session = new Session({
      firstId,
      wire: this.#wire(),
      hears: {
        settled: tell("settled"),
        ponged: tell("ponged"),
        goodbye: tell("goodbye"),
        idle: tell("idle"),
        failed: tell("failed"),
      },
    });
    this.session.start();
    this.say(...first);
    this.written();
  }

  say(...frames: readonly Uint8Array[]): void {
    this.session.receive(Buffer.concat(frames));
  }

  /** The frames that the client wrote since this was asked last. */
  written(): Frame[] {
    return this.#frames.splice(0);
  }

  /** In how many pieces it wrote them. */
  get writes(): number {
    return this.#writes;
  }

  #wire() {
    const backlog = () => this.backlogBytes;
    return {
      write: (bytes: Uint8Array) => {
        this.#writes += 1;
        if (this.stuck) this.backlogBytes += bytes.length;
        // The preface is no frame.
        const passed = Math.min(bytes.length, prefaceBytes - this.#passedBytes);
        this.#passedBytes += passed;
        this.#reader.push(bytes.subarray(passed));
      },
      get backlogBytes() {
        return backlog();
      },
    };
  }
}

/** Of what is received, to be looked at. */
const keptMax = 100;

/** Whoever listens to an exchange. */
export class Heard implements Listener {
  readonly fields: Field[][] = [];
  readonly received: number[] = [];
  end: End | undefined;

  headers(fields: readonly Field[]): void {
    this.fields.push([...fields]);
  }

  data(bytes: Uint8Array): void {
    if (this.received.length < keptMax) this.received.push(...bytes.subarray(0, keptMax));
  }

  ended(end: End): void {
    if (this.end !== undefined) throw new Error("told twice of the end");
    this.end = end;
  }

  /** In a word, with its reason. */
  get ending(): string | undefined {
    if (this.end === undefined) return undefined;
    return this.end.kind === "done" ? "done" : `${this.end.kind}: ${this.end.reason}`;
  }
}

const request = [
  { name: ":method", value: "POST" },
  { name: ":path", value: "/x" },
];

/** Begins an exchange, which must be taken. */
export function begin(peer: Peer, message?: Uint8Array) {
  const heard = new Heard();
  const exchange = peer.session.request({ fields: request, listener: heard, message });
  if (exchange === undefined) throw new Error("no exchange was begun");
  return { exchange, heard };
}

export function settingsFrame(...settings: readonly (readonly [number, number])[]): Uint8Array {
  const payload = new Uint8Array(settings.length * 6);
  for (const [at, [id, value]] of settings.entries()) {
    payload[at * 6 + 1] = id;
    putUint32(payload, at * 6 + 2, value);
  }
  return frame({ type: frameType.settings, flags: 0, stream: 0 }, payload);
}

export function numberFrame(type: number, stream: number, value: number): Uint8Array {
  const payload = new Uint8Array(4);
  putUint32(payload, 0, value);
  return frame({ type, flags: 0, stream }, payload);
}

export function resetFrame(stream: number, code: number): Uint8Array {
  return numberFrame(frameType.rstStream, stream, code);
}

export function widenFrame(stream: number, bytes: number): Uint8Array {
  return numberFrame(frameType.windowUpdate, stream, bytes);
}

export function goodbyeFrame(last: number, code = 0, text = ""): Uint8Array {
  const payload = new Uint8Array(8 + text.length);
  putUint32(payload, 0, last);
  putUint32(payload, 4, code);
  payload.set(new TextEncoder().encode(text), 8);
  return frame({ type: frameType.goaway, flags: 0, stream: 0 }, payload);
}

export const okBlock = encodeFields([{ name: ":status", value: "200" }]);
export const trailerBlock = encodeFields([{ name: "grpc-status", value: "0" }]);

export function headFrame(stream: number, block = okBlock, flags = 0): Uint8Array {
  return frame({ type: frameType.headers, flags: flags | flag.endHeaders, stream }, block);
}

export function trailerFrame(stream: number): Uint8Array {
  return headFrame(stream, trailerBlock, flag.endStream);
}

export function dataFrame(stream: number, payload: Uint8Array, flags = 0): Uint8Array {
  return frame({ type: frameType.data, flags, stream }, payload);
}

/** `DATA 1 +12 end`, for comparing what was written. */
export function inWords({ type, flags, stream, payload }: Frame): string {
  const name = Object.entries(frameType).find(([, number]) => number === type)?.[0] ?? "unknown";
  const last =
    (type === frameType.data || type === frameType.headers) && (flags & flag.endStream) !== 0;
  const ack = (type === frameType.settings || type === frameType.ping) && (flags & flag.ack) !== 0;
  const size = type === frameType.data ? ` ${payload.length}` : "";
  return `${name} ${stream}${size}${last ? " last" : ""}${ack ? " ack" : ""}`;
}
