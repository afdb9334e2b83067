/**
 * One request and its response: an HTTP/2 stream, from when it is asked for to its end.
 *
 * It has no id until its headers are handed to the socket: until then nothing of it was sent, and whoever gives it up knows
 * that. From then on it counts as sent, whatever of its message still waits for the server's windows.
 */
import { ProtocolError } from "./frames.ts";
import type { Field } from "./hpack-tables.ts";
import type { RequestField } from "./hpack-encoder.ts";
import { prefixOf } from "./message.ts";
import { streamWindowBytes } from "./settings.ts";
import { ReceiveWindow, SendWindow } from "./window.ts";

export type End =
  /** The server ended it, in order. */
  | { readonly kind: "done" }
  /** Nothing was written, or the server says that it looked at nothing of it. */
  | { readonly kind: "notSent"; readonly reason: string }
  | { readonly kind: "broken"; readonly reason: string };

/** Who hears of what the server says. Not called from within a call of ours, except `cancel`'s and `send`'s of others. */
export interface Listener {
  /** The response's headers, or its trailers. */
  headers(fields: readonly Field[]): void;
  /** Good only until it returns: what is kept is copied. What was read of it is to be told by {@link Exchange.consumed}. */
  data(bytes: Uint8Array): void;
  /** Once, and the last that is heard. Not after {@link Exchange.cancel}. */
  ended(end: End): void;
}

export interface ExchangePlan {
  readonly fields: readonly RequestField[];
  readonly listener: Listener;
  /** The one message of the request. Absent: there may be many, by {@link Exchange.send}. */
  readonly message?: Uint8Array | undefined;
}

/** The connection, as an exchange needs it. */
export interface ExchangeHost {
  send(exchange: Exchange, message: Uint8Array): void;
  consumed(exchange: Exchange, bytes: number): void;
  cancel(exchange: Exchange): void;
}

export class Exchange {
  readonly fields: readonly RequestField[];
  readonly listener: Listener;
  readonly outbox = new Outbox();
  readonly receiveWindow = new ReceiveWindow(streamWindowBytes);
  sendWindow = new SendWindow(0);
  /** 0: none yet. */
  id = 0;
  over = false;
  readonly #host: ExchangeHost;
  #begun = false;

  constructor({ fields, listener, message }: ExchangePlan, host: ExchangeHost) {
    this.fields = fields;
    this.listener = listener;
    this.#host = host;
    if (message !== undefined) this.outbox.pushLast(message);
  }

  /** Something of it was handed to the socket. */
  get sent(): boolean {
    return this.id !== 0;
  }

  /** The server has begun to answer. */
  get begun(): boolean {
    return this.#begun;
  }

  send(message: Uint8Array): void {
    if (!this.over) this.#host.send(this, message);
  }

  /** So many bytes of data were read: the server may send as many again. */
  consumed(bytes: number): void {
    if (!this.over) this.#host.consumed(this, bytes);
  }

  /** Nothing is heard any more. Idempotent. */
  cancel(): void {
    if (!this.over) this.#host.cancel(this);
  }

  /** `last`: the stream ends with them. Throws {@link ProtocolError}. */
  takeHeaders(fields: readonly Field[], last: boolean): void {
    const status = fields.find(({ name }) => name === ":status")?.value;
    if (this.#begun) {
      if (!last || status !== undefined) throw new ProtocolError("an answer has a second head");
    } else if (status === undefined || !/^[1-9]\d\d$/.test(status)) {
      throw new ProtocolError("an answer begins without a status");
    } else if (status.startsWith("1")) {
      // Merely information: the head is yet to come.
      if (last) throw new ProtocolError("an answer ends before it has begun");
      return;
    }
    this.#begun = true;
    this.listener.headers(fields);
  }

  /** Throws {@link ProtocolError}. */
  takeData(bytes: Uint8Array): void {
    if (!this.#begun) throw new ProtocolError("an answer begins without a head");
    if (bytes.length > 0) this.listener.data(bytes);
  }
}

/** What of a request waits to be written. */
export class Outbox {
  readonly #segments: Uint8Array[] = [];
  /** How much of the first segment is gone. */
  #goneBytes = 0;
  #bytes = 0;
  #last = false;

  get bytes(): number {
    return this.#bytes;
  }

  /** The request ends with what is in here. */
  get last(): boolean {
    return this.#last;
  }

  push(message: Uint8Array): void {
    for (const segment of [prefixOf(message), message]) {
      if (segment.length > 0) this.#segments.push(segment);
      this.#bytes += segment.length;
    }
  }

  pushLast(message: Uint8Array): void {
    this.push(message);
    this.#last = true;
  }

  /** Moves the first `bytes` to `into`. */
  move(bytes: number, into: Uint8Array, at: number): void {
    let moved = 0;
    for (let segment = this.#segments[0]; moved < bytes && segment !== undefined;) {
      const took = segment.subarray(this.#goneBytes, this.#goneBytes + bytes - moved);
      into.set(took, at + moved);
      moved += took.length;
      this.#goneBytes += took.length;
      if (this.#goneBytes === segment.length) {
        this.#segments.shift();
        this.#goneBytes = 0;
      }
      segment = this.#segments[0];
    }
    this.#bytes -= moved;
  }

  /** Gives back how much it was. */
  clear(): number {
    const bytes = this.#bytes;
    this.#segments.length = 0;
    this.#bytes = 0;
    return bytes;
  }
}
