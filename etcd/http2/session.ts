/**
 * One side of an HTTP/2 connection (RFC 9113), the client's: what each frame of the server means. It knows nothing of
 * sockets and time. Whatever the server does against the protocol ends it, with words for the log and a goodbye that names
 * them; so nothing here guesses what a broken server may have meant.
 */
import { type End, Exchange, type ExchangePlan } from "./exchange.ts";
import { FrameReader } from "./frame-reader.ts";
import {
  errorCode,
  type ErrorCode,
  flag,
  type Frame,
  frame,
  frameType,
  goawayFrame,
  pingFrame,
  ProtocolError,
  readUint31,
  readUint32,
  rstStreamFrame,
  unpadded,
  windowUpdateFrame,
} from "./frames.ts";
import { HeaderBlock } from "./header-block.ts";
import { HpackDecoder } from "./hpack-decoder.ts";
import { Sender, type Wire } from "./sender.ts";
import { firstPeerSettings, firstWindowBytes, ourSettings, readSettings } from "./settings.ts";
import { ReceiveWindow } from "./window.ts";

/** What has arrived of all streams is counted as read at once: how much lies here unread each stream's window bounds. */
const connectionWindowBytes = 64 * 1024 * 1024;
/** Of answers to what the server only asks to keep us busy, while it does not read them. */
const answersMaxBytes = 1024 * 1024;
/** Streams of which is remembered that the server ended them. */
const endedMax = 64;
/** Of a goodbye, in the reason. */
const goodbyeTextMax = 200;
const preface = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const pingPayload = new TextEncoder().encode("holdfast");

export interface SessionParts {
  readonly wire: Wire;
  readonly hears: SessionEvents;
  readonly firstId?: number;
}

export interface SessionEvents {
  /** The server's first settings have come. */
  settled(): void;
  /** The server has answered a ping. */
  ponged(): void;
  /** No new exchange can be begun. */
  goodbye(reason: string): void;
  /** The last exchange has ended. */
  idle(): void;
  /** The server broke the protocol: all exchanges have ended, and the goodbye is written. */
  failed(reason: string): void;
}

export class Session {
  readonly #wire: Wire;
  readonly #hears: SessionEvents;
  readonly #reader: FrameReader;
  readonly #decoder = new HpackDecoder();
  readonly #window = new ReceiveWindow(connectionWindowBytes);
  readonly #sender: Sender;
  readonly #ended = new Set<number>();
  #settings = firstPeerSettings;
  #settled = false;
  #goodbye = false;
  #lastProcessed = Number.POSITIVE_INFINITY;
  /** Headers that are not complete. */
  #block: HeaderBlock | undefined;
  #over = false;

  constructor({ wire, hears, firstId = 1 }: SessionParts) {
    this.#wire = wire;
    this.#hears = hears;
    this.#sender = new Sender({ wire, firstId });
    this.#reader = new FrameReader((frame) => {
      this.#take(frame);
    });
  }

  get idle(): boolean {
    return this.#sender.idle;
  }

  /** To be called when the socket stands, before all else. */
  start(): void {
    const wider = windowUpdateFrame(0, connectionWindowBytes - firstWindowBytes);
    this.#wire.write(Buffer.concat([preface, ourSettings(), wider]));
  }

  /** Undefined: nothing was or will be sent. */
  request(plan: ExchangePlan): Exchange | undefined {
    if (this.#over || this.#goodbye || !this.#sender.hasRoomFor(plan.message?.length ?? 0)) {
      return undefined;
    }
    const exchange = new Exchange(plan, this.#host);
    this.#sender.add(exchange);
    this.#lookWhetherUsedUp();
    return exchange.over ? undefined : exchange;
  }

  receive(bytes: Uint8Array): void {
    if (this.#over) return;
    try {
      this.#reader.push(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#fail(error);
    }
  }

  /** The socket has taken what it was given. */
  goOn(): void {
    if (this.#over) return;
    this.#sender.pump();
    this.#lookWhetherUsedUp();
  }

  ping(): void {
    this.#wire.write(pingFrame(pingPayload, 0));
  }

  sayGoodbye(code: ErrorCode = errorCode.noError, text = ""): void {
    this.#wire.write(goawayFrame(code, text));
  }

  /** What is under way ends: broken, or not sent. Nothing is taken or written any more. Idempotent. */
  end(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    for (const exchange of this.#sender.takeWaiting()) this.#finish(exchange, notSent(reason));
    for (const exchange of this.#sender.open) this.#finish(exchange, broken(reason));
  }

  readonly #host = {
    send: (exchange: Exchange, message: Uint8Array): void => {
      if (this.#sender.hasRoomFor(message.length)) this.#sender.send(exchange, message);
      else {
        this.#reset(exchange);
        this.#finish(exchange, broken("too much waits to be sent"));
      }
    },
    consumed: (exchange: Exchange, bytes: number): void => {
      const freedBytes = exchange.receiveWindow.consumed(bytes);
      if (freedBytes > 0) this.#wire.write(windowUpdateFrame(exchange.id, freedBytes));
    },
    cancel: (exchange: Exchange): void => {
      this.#reset(exchange);
      this.#leave(exchange);
    },
  };

  #fail({ code, message }: ProtocolError): void {
    const reason = `the server broke the protocol: ${message}`;
    this.sayGoodbye(code, message);
    this.end(reason);
    this.#hears.failed(reason);
  }

  #take(frame: Frame): void {
    if (this.#over) return;
    const { type, flags } = frame;
    const begins = type === frameType.settings && (flags & flag.ack) === 0;
    if (!this.#settled && !begins) {
      throw new ProtocolError("the server does not begin with its settings");
    }
    if ((this.#block !== undefined) !== (type === frameType.continuation)) {
      throw new ProtocolError("headers are not in one piece");
    }
    switch (type) {
      case frameType.data:
        this.#takeData(frame);
        break;
      case frameType.headers:
        this.#takeBlock(new HeaderBlock(this.#onStream(frame)), flags);
        break;
      case frameType.continuation:
        this.#takeContinuation(frame);
        break;
      case frameType.priority:
        checkSize(this.#onStream(frame), 5);
        break;
      case frameType.rstStream:
        this.#takeReset(frame);
        break;
      case frameType.pushPromise:
        throw new ProtocolError("the server pushes, which it was told not to");
      case frameType.windowUpdate:
        this.#takeWindowUpdate(frame);
        break;
      case frameType.settings:
        this.#takeSettings(onConnection(frame));
        break;
      case frameType.ping:
        this.#takePing(onConnection(frame));
        break;
      case frameType.goaway:
        this.#takeGoodbye(onConnection(frame));
        break;
      default:
        break; // of an extension that we do not know
    }
  }

  #takeData(frame: Frame): void {
    const { stream, flags, payload } = this.#onStream(frame);
    this.#window.received(payload.length);
    const freedBytes = this.#window.consumed(payload.length);
    if (freedBytes > 0) this.#wire.write(windowUpdateFrame(0, freedBytes));
    const bytes = unpadded(frame);
    const exchange = this.#exchangeAt(stream);
    if (exchange === undefined) return;
    exchange.receiveWindow.received(payload.length);
    exchange.consumed(payload.length - bytes.length);
    exchange.takeData(bytes);
    if ((flags & flag.endStream) !== 0) this.#endInOrder(exchange);
  }

  #takeContinuation(frame: Frame): void {
    const block = this.#block;
    if (block?.stream !== frame.stream) throw new ProtocolError("headers are not in one piece");
    block.add(frame);
    this.#takeBlock(block, frame.flags);
  }

  #takeBlock(block: HeaderBlock, flags: number): void {
    const complete = (flags & flag.endHeaders) !== 0;
    this.#block = complete ? undefined : block;
    if (!complete) return;
    const fields = this.#decoder.decode(block.bytes);
    const exchange = this.#exchangeAt(block.stream);
    if (exchange === undefined) return;
    exchange.takeHeaders(fields, block.last);
    if (block.last) this.#endInOrder(exchange);
  }

  #takeReset(frame: Frame): void {
    const { stream, payload } = checkSize(this.#onStream(frame), 4);
    const exchange = this.#sender.openAt(stream);
    if (exchange === undefined) return;
    const code = readUint32(payload, 0);
    const reason = `the server reset the stream, code ${code}`;
    const untouched = code === errorCode.refusedStream && !exchange.begun;
    this.#finish(exchange, untouched ? notSent(reason) : broken(reason));
  }

  #takeWindowUpdate(frame: Frame): void {
    const { stream, payload } = checkSize(frame, 4);
    const bytes = readUint31(payload, 0);
    if (bytes === 0) throw new ProtocolError("a window grows by nothing");
    if (stream === 0) this.#sender.widen(bytes);
    else {
      const exchange = this.#sender.openAt(this.#onStream(frame).stream);
      if (exchange !== undefined) this.#sender.widenOne(exchange, bytes);
    }
  }

  #takeSettings(frame: Frame): void {
    if ((frame.flags & flag.ack) !== 0) {
      checkSize(frame, 0);
      return;
    }
    this.#settings = readSettings(frame.payload, this.#settings);
    this.#answer(settingsAck);
    this.#sender.use(this.#settings);
    this.#lookWhetherUsedUp();
    if (this.#settled) return;
    this.#settled = true;
    this.#hears.settled();
  }

  #takePing(frame: Frame): void {
    const { flags, payload } = checkSize(frame, 8);
    if ((flags & flag.ack) === 0) this.#answer(pingFrame(payload, flag.ack));
    else if (Buffer.compare(payload, pingPayload) === 0) this.#hears.ponged();
  }

  /** What was not processed is known to be not: its calls may be made again. */
  #takeGoodbye({ payload }: Frame): void {
    if (payload.length < 8) {
      throw new ProtocolError("a goodbye is too short", errorCode.frameSizeError);
    }
    const last = readUint31(payload, 0);
    if (last > this.#lastProcessed) throw new ProtocolError("a goodbye takes back another");
    this.#lastProcessed = last;
    const text = Buffer.from(payload.subarray(8, 8 + goodbyeTextMax)).toString();
    const why = text === "" ? "" : ` (${text})`;
    const reason = `the server said goodbye, code ${readUint32(payload, 4)}${why}`;
    this.#stopBeginning(reason);
    for (const exchange of this.#sender.open) {
      if (exchange.id > last) this.#finish(exchange, notSent(reason));
    }
  }

  #lookWhetherUsedUp(): void {
    if (this.#goodbye || !this.#sender.usedUp) return;
    this.#stopBeginning("the numbers of streams are used up");
  }

  #stopBeginning(reason: string): void {
    this.#goodbye = true;
    for (const exchange of this.#sender.takeWaiting()) this.#finish(exchange, notSent(reason));
    this.#hears.goodbye(reason);
  }

  /** Answers to frames that a server may send as often as it likes. */
  #answer(bytes: Uint8Array): void {
    if (this.#wire.backlogBytes > answersMaxBytes) {
      const message = "the server asks and asks, and reads no answer";
      throw new ProtocolError(message, errorCode.enhanceYourCalm);
    }
    this.#wire.write(bytes);
  }

  /** On a stream that was opened, once. */
  #onStream(frame: Frame): Frame {
    if (!this.#sender.wasOpened(frame.stream)) {
      throw new ProtocolError(`a frame belongs to stream ${frame.stream}, which nobody opened`);
    }
    return frame;
  }

  /** Undefined: we have left it, and the server may not know that yet. */
  #exchangeAt(stream: number): Exchange | undefined {
    if (this.#ended.has(stream)) {
      throw new ProtocolError(`stream ${stream} goes on after its end`, errorCode.streamClosed);
    }
    return this.#sender.openAt(stream);
  }

  /** The server has said all. What of ours is still to be sent nobody waits for. */
  #endInOrder(exchange: Exchange): void {
    if (exchange.over) return;
    if (!exchange.outbox.last || exchange.outbox.bytes > 0) this.#reset(exchange);
    this.#ended.add(exchange.id);
    const [oldest] = this.#ended;
    if (this.#ended.size > endedMax && oldest !== undefined) this.#ended.delete(oldest);
    this.#finish(exchange, { kind: "done" });
  }

  #reset(exchange: Exchange): void {
    if (exchange.sent) this.#wire.write(rstStreamFrame(exchange.id, errorCode.cancel));
  }

  #finish(exchange: Exchange, end: End): void {
    if (exchange.over) return;
    exchange.over = true;
    exchange.listener.ended(end);
    this.#leave(exchange);
  }

  /** Its stream is free for who waits for one. */
  #leave(exchange: Exchange): void {
    exchange.over = true;
    this.#sender.remove(exchange);
    if (this.#over) return;
    this.goOn();
    if (this.#sender.idle) this.#hears.idle();
  }
}

const settingsAck = frame(
  { type: frameType.settings, flags: flag.ack, stream: 0 },
  new Uint8Array(0),
);

function notSent(reason: string): End {
  return { kind: "notSent", reason };
}

function broken(reason: string): End {
  return { kind: "broken", reason };
}

function onConnection(frame: Frame): Frame {
  if (frame.stream === 0) return frame;
  throw new ProtocolError(`a frame of the connection belongs to stream ${frame.stream}`);
}

function checkSize(frame: Frame, sizeBytes: number): Frame {
  if (frame.payload.length === sizeBytes) return frame;
  const message = `a frame has ${frame.payload.length} bytes instead of ${sizeBytes}`;
  throw new ProtocolError(message, errorCode.frameSizeError);
}
