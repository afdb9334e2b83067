/**
 * The exchanges of a connection, and what of them is written when: within the server's windows and its bound of streams,
 * and no faster than the socket takes it. Who has much to send gives way to others after each turn.
 */
import type { Exchange } from "./exchange.ts";
import {
  flag,
  frameHeadBytes,
  framePayloadMaxBytes,
  frameType,
  headersFrames,
  putFrameHead,
} from "./frames.ts";
import { encodeFields } from "./hpack-encoder.ts";
import { firstPeerSettings, firstWindowBytes, type PeerSettings } from "./settings.ts";
import { SendWindow } from "./window.ts";

/** The socket. */
export interface Wire {
  /** What is handed over counts as sent: nobody knows how far it comes. */
  write(bytes: Uint8Array): void;
  /** Handed over, and not taken by the network yet. */
  readonly backlogBytes: number;
}

/** What waits to be written, of all exchanges; with more, none is begun. */
const waitingMaxBytes = 128 * 1024 * 1024;
/** Exchanges that wait for a stream. */
const waitingMax = 10_000;
/** With so much in the socket, what waits goes on waiting here, where it still can be taken back. */
const backlogMaxBytes = 256 * 1024;
const turnMaxBytes = 4 * framePayloadMaxBytes;
const streamIdMax = 2 ** 31 - 1;

export interface SenderParts {
  readonly wire: Wire;
  /** Odd. */
  readonly firstId: number;
}

export class Sender {
  readonly #wire: Wire;
  readonly #window = new SendWindow(firstWindowBytes);
  readonly #open = new Map<number, Exchange>();
  /** Without a stream, oldest first. */
  readonly #waiting = new Set<Exchange>();
  /** With something to write that their own windows let through, next first. */
  readonly #turns = new Set<Exchange>();
  #settings = firstPeerSettings;
  #waitingBytes = 0;
  #nextId: number;

  constructor({ wire, firstId }: SenderParts) {
    this.#wire = wire;
    this.#nextId = firstId;
  }

  get idle(): boolean {
    return this.#open.size === 0 && this.#waiting.size === 0;
  }

  /** No stream can be opened any more: their numbers are used up. */
  get usedUp(): boolean {
    return this.#nextId > streamIdMax;
  }

  get open(): readonly Exchange[] {
    return [...this.#open.values()];
  }

  /** Those that wait for a stream: they are to get none. */
  takeWaiting(): readonly Exchange[] {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    return waiting;
  }

  openAt(id: number): Exchange | undefined {
    return this.#open.get(id);
  }

  /** Whether there ever was such a stream. */
  wasOpened(id: number): boolean {
    return id % 2 === 1 && id < this.#nextId;
  }

  hasRoomFor(bytes: number): boolean {
    return this.#waiting.size < waitingMax && this.#waitingBytes + bytes <= waitingMaxBytes;
  }

  add(exchange: Exchange): void {
    this.#waiting.add(exchange);
    this.#waitingBytes += exchange.outbox.bytes;
    this.pump();
  }

  send(exchange: Exchange, message: Uint8Array): void {
    const before = exchange.outbox.bytes;
    exchange.outbox.push(message);
    this.#waitingBytes += exchange.outbox.bytes - before;
    this.#mayWrite(exchange);
    this.pump();
  }

  /** It is over. */
  remove(exchange: Exchange): void {
    this.#waitingBytes -= exchange.outbox.clear();
    this.#waiting.delete(exchange);
    this.#turns.delete(exchange);
    this.#open.delete(exchange.id);
  }

  /** Throws what the windows throw. */
  use(settings: PeerSettings): void {
    const change = settings.streamWindowBytes - this.#settings.streamWindowBytes;
    this.#settings = settings;
    for (const exchange of this.#open.values()) {
      exchange.sendWindow.change(change);
      this.#mayWrite(exchange);
    }
    this.pump();
  }

  /** The server takes more on the connection as a whole. Throws what the window throws. */
  widen(bytes: number): void {
    this.#window.change(bytes);
    this.pump();
  }

  /** The server takes more of one exchange. Throws what the window throws. */
  widenOne(exchange: Exchange, bytes: number): void {
    exchange.sendWindow.change(bytes);
    this.#mayWrite(exchange);
    this.pump();
  }

  /** Writes what may be written now. To be called again when the socket has taken its backlog. */
  pump(): void {
    for (const exchange of this.#waiting) {
      if (this.#jammed || this.usedUp || this.#open.size >= this.#settings.streamsMax) break;
      this.#waiting.delete(exchange);
      this.#begin(exchange);
    }
    for (const exchange of this.#turns) {
      if (this.#jammed || this.#window.availableBytes === 0) break;
      this.#turns.delete(exchange);
      this.#write(exchange);
    }
  }

  get #jammed(): boolean {
    return this.#wire.backlogBytes >= backlogMaxBytes;
  }

  #begin(exchange: Exchange): void {
    exchange.id = this.#nextId;
    exchange.sendWindow = new SendWindow(this.#settings.streamWindowBytes);
    this.#nextId += 2;
    this.#open.set(exchange.id, exchange);
    this.#write(exchange, headersFrames(exchange.id, encodeFields(exchange.fields)));
  }

  /** After `head`, as much of what waits as may go in one turn: all in one piece. */
  #write(exchange: Exchange, head: Uint8Array = noBytes): void {
    const { outbox, sendWindow, id } = exchange;
    const dataBytes = Math.min(
      ...[outbox.bytes, sendWindow.availableBytes, this.#window.availableBytes, turnMaxBytes],
    );
    if (head.length + dataBytes === 0) return;
    const frames = Math.ceil(dataBytes / framePayloadMaxBytes);
    const bytes = Buffer.allocUnsafe(head.length + frames * frameHeadBytes + dataBytes);
    bytes.set(head);
    let at = head.length;
    for (let rest = dataBytes; rest > 0;) {
      const sizeBytes = Math.min(rest, framePayloadMaxBytes);
      rest -= sizeBytes;
      const flags = outbox.last && outbox.bytes === sizeBytes ? flag.endStream : 0;
      at = putFrameHead(bytes, at, { type: frameType.data, flags, stream: id, sizeBytes });
      outbox.move(sizeBytes, bytes, at);
      at += sizeBytes;
    }
    sendWindow.sent(dataBytes);
    this.#window.sent(dataBytes);
    this.#waitingBytes -= dataBytes;
    this.#wire.write(bytes);
    this.#mayWrite(exchange);
  }

  /** Joins those that take turns, as the last, where it can. */
  #mayWrite(exchange: Exchange): void {
    const { outbox, sendWindow, sent } = exchange;
    if (sent && outbox.bytes > 0 && sendWindow.availableBytes > 0) this.#turns.add(exchange);
  }
}

const noBytes = new Uint8Array(0);
