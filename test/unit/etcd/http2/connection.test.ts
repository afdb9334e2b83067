import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { call, type Reply } from "#etcd/http2/call.ts";
import { Connection } from "#etcd/http2/connection.ts";
import { FrameReader } from "#etcd/http2/frame-reader.ts";
import { type Frame, frame, frameType, flag } from "#etcd/http2/frames.ts";
import { frame as framed } from "#etcd/http2/message.ts";
import { MessageStream } from "#etcd/http2/stream.ts";
import { after } from "#core/runtime.ts";
import { Clock } from "#test/support/clock.ts";
import {
  dataFrame,
  goodbyeFrame,
  headFrame,
  inWords,
  prefaceBytes,
  setting,
  settingsFrame,
  trailerFrame,
  widenFrame,
} from "./peer.ts";

const never = new AbortController().signal;
const answered = framed(Uint8Array.of(7));

/** A server on a socket that says what a test gives it, in the pieces it is given in. */
class RawServer implements AsyncDisposable {
  readonly endpoint: string;
  readonly #server: Server;
  readonly #sockets: Socket[] = [];
  readonly #frames: Frame[] = [];
  #wake: (() => void) | undefined;

  private constructor(server: Server) {
    this.#server = server;
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("connection", (socket) => {
      this.#sockets.push(socket);
      socket.setNoDelay(true);
      socket.on("error", ignore);
      socket.on("close", () => this.#wake?.());
      this.#read(socket);
    });
  }

  static async start(): Promise<RawServer> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new RawServer(server);
  }

  /** A connection to it, which has begun. */
  async connect(clock: Clock, ...settings: readonly Uint8Array[]): Promise<Connection> {
    const opening = Connection.open({ endpoint: this.endpoint, runtime: clock }, never);
    await this.next("settings 0");
    this.say(...(settings.length === 0 ? [settingsFrame()] : settings));
    return opening;
  }

  get socket(): Socket {
    const socket = this.#sockets.at(-1);
    if (socket === undefined) throw new Error("nobody has connected");
    return socket;
  }

  say(...frames: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  /** Waits for a frame that is so in words. */
  async next(words: string): Promise<Frame> {
    for (;;) {
      const at = this.#frames.findIndex((one) => inWords(one).startsWith(words));
      const [found] = at < 0 ? [] : this.#frames.splice(0, at + 1).slice(-1);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #read(socket: Socket): void {
    let passed = 0;
    const reader = new FrameReader(({ payload, ...head }) => {
      this.#frames.push({ ...head, payload: new Uint8Array(payload) });
    });
    socket.on("data", (bytes: Buffer) => {
      const skip = Math.min(bytes.length, prefaceBytes - passed);
      passed += skip;
      reader.push(bytes.subarray(skip));
      this.#wake?.();
    });
  }
}

function ignore(): void {
  return undefined;
}

interface Ask {
  readonly ms?: number;
  readonly signal?: AbortSignal;
}

function ask(
  connection: Connection,
  clock: Clock,
  { ms = 5_000, signal }: Ask = {},
): Promise<Reply> {
  const deadline = after(clock.now(), ms);
  const message = Uint8Array.of(1);
  return call(connection, clock, { path: "/x", message, token: "t", deadline, signal });
}

const echo = {
  path: "/e",
  encode: (bytes: Uint8Array) => bytes,
  decode: (bytes: Uint8Array) => bytes,
};

describe("a connection", () => {
  it("stands when the server's settings have come, and not before", async () => {
    await using server = await RawServer.start();
    const clock = new Clock();
    let stands = false;
    const opening = Connection.open({ endpoint: server.endpoint, runtime: clock }, never);
    void opening.then(() => (stands = true));
    await server.next("settings 0");
    await server.next("windowUpdate 0");
    assert.equal(stands, false);
    server.say(settingsFrame());
    const connection = await opening;
    assert.equal(connection.usable, true);
    await connection.close();
  });

  it("is given up when the server accepts and says nothing, when it hangs up, and when nobody waits for it", async () => {
    await using server = await RawServer.start();
    const clock = new Clock();
    const parts = { endpoint: server.endpoint, runtime: clock };
    const mute = Connection.open(parts, never);
    await server.next("settings 0");
    clock.pass(3_000);
    await assert.rejects(mute, /no connection within 3000 ms/);
    const short = Connection.open(parts, never);
    await server.next("settings 0");
    server.socket.end();
    await assert.rejects(short, /the server closed the connection/);
    const leave = new AbortController();
    const left = Connection.open(parts, leave.signal);
    await server.next("settings 0");
    leave.abort(new Error("no more"));
    await assert.rejects(left, /no more/);
    await assert.rejects(Connection.open(parts, leave.signal), /no more/);
    await assert.rejects(
      Connection.open({ ...parts, endpoint: "http://127.0.0.1:1" }, never),
      /REFUSED/,
    );
  });

  it("is given up, with the reason, where what answers is no HTTP/2", async () => {
    await using server = await RawServer.start();
    const opening = Connection.open({ endpoint: server.endpoint, runtime: new Clock() }, never);
    await server.next("settings 0");
    server.socket.write("HTTP/1.1 400 Bad Request\r\n\r\n");
    await assert.rejects(opening, /broke the protocol/);
  });

  it("takes an answer that comes byte by byte", async () => {
    await using server = await RawServer.start();
    const clock = new Clock();
    const connection = await server.connect(clock);
    const reply = ask(connection, clock);
    await server.next("data 1");
    const bytes = Buffer.concat([headFrame(1), dataFrame(1, answered), trailerFrame(1)]);
    for (const byte of bytes) {
      const taken = new Promise((resolve) => server.socket.write(Uint8Array.of(byte), resolve));
      await taken;
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(await reply, { kind: "answer", message: Uint8Array.of(7) });
    await connection.close();
  });

  it("ends what was sent as broken, and what was not as not sent, when the server goes", async () => {
    await using server = await RawServer.start();
    const clock = new Clock();
    const connection = await server.connect(clock, settingsFrame([setting.streams, 1]));
    const [sent, waiting] = [ask(connection, clock), ask(connection, clock)];
    await server.next("data 1");
    server.socket.resetAndDestroy();
    assert.match(said(await sent), /^broken .*ECONNRESET/);
    assert.match(said(await waiting), /^notSent .*ECONNRESET/);
    assert.match(said(await ask(connection, clock)), /^notSent .*ECONNRESET/);
    await new Promise<void>((resolve) => {
      connection.whenClosed(resolve);
    });
  });

  it("tells who waited in vain whether anything was sent", async () => {
    await using server = await RawServer.start();
    const clock = new Clock();
    const connection = await server.connect(clock, settingsFrame([setting.streams, 1]));
    const leave = new AbortController();
    const first = ask(connection, clock);
    const second = ask(connection, clock, { ms: 4_000 });
    const third = ask(connection, clock, { signal: leave.signal, ms: 60_000 });
    await server.next("data 1");
    leave.abort();
    assert.match(said(await third), /^notSent the caller left/);
    clock.pass(4_000);
    assert.match(said(await second), /^notSent no answer/);
    clock.pass(1_000);
    assert.match(said(await first), /^silent no answer/);
    // Its place is free, and the server knows.
    await server.next("rstStream 1");
    const fourth = ask(connection, clock);
    await server.next("data 3");
    server.say(headFrame(3), dataFrame(3, answered), trailerFrame(3));
    assert.equal((await fourth).kind, "answer");
    await connection.close();
  });

  it("counts what waits for a window as sent, of which the server saw no more than the head", async () => {
    await using server = await RawServer.start();
    const clock = new Clock();
    const connection = await server.connect(clock, settingsFrame([setting.window, 0]));
    const reply = ask(connection, clock);
    await server.next("headers 1");
    await connection.close("enough");
    assert.match(said(await reply), /^broken .*enough/);
  });

  it("sends on when the socket has taken what it was given", async () => {
    await using server = await RawServer.start();
    const clock = new Clock();
    const connection = await server.connect(
      clock,
      settingsFrame([setting.window, 2 ** 30]),
      widenFrame(0, 2 ** 30),
    );
    server.socket.pause();
    const message = new Uint8Array(48 * 1024 * 1024);
    const plan = { path: "/x", token: undefined, deadline: after(clock.now(), 5_000) };
    const reply = call(connection, clock, { ...plan, message });
    // Only now: what the network holds for us is less than the message.
    await new Promise((resolve) => setImmediate(resolve));
    server.socket.resume();
    await server.next("headers 1");
    for (let left = message.length + 5; left > 0;)
      left -= (await server.next("data 1")).payload.length;
    server.say(headFrame(1), dataFrame(1, answered), trailerFrame(1));
    assert.equal((await reply).kind, "answer");
    await connection.close();
    await server.next("goaway 0");
  });

  it("resets a call whose answer is no gRPC", async () => {
    await using server = await RawServer.start();
    const clock = new Clock();
    const connection = await server.connect(clock);
    const reply = ask(connection, clock);
    await server.next("data 1");
    server.say(headFrame(1), dataFrame(1, Uint8Array.of(1, 0, 0, 0, 0)));
    assert.match(said(await reply), /^broken .*compressed/);
    await server.next("rstStream 1");
    await connection.close();
  });

  it("lets calls end after a goodbye, takes none, and then says goodbye itself", async () => {
    await using server = await RawServer.start();
    const clock = new Clock();
    const connection = await server.connect(clock);
    const [early, late] = [ask(connection, clock), ask(connection, clock)];
    await server.next("data 3");
    const left = once(connection.leaving, "abort");
    server.say(goodbyeFrame(1, 0, "moving"));
    await left;
    assert.equal(connection.usable, false);
    assert.match(said(await late), /^notSent .*goodbye, code 0 \(moving\)/);
    assert.match(said(await ask(connection, clock)), /^notSent .*moving/);
    server.say(headFrame(1), dataFrame(1, answered), trailerFrame(1));
    assert.equal((await early).kind, "answer");
    await server.next("goaway 0");
    await new Promise<void>((resolve) => {
      connection.whenClosed(resolve);
    });
    assert.equal(clock.timers, 0);
  });

  it("drains no longer than it may", async () => {
    await using server = await RawServer.start();
    const clock = new Clock();
    const connection = await server.connect(clock);
    const reply = ask(connection, clock, { ms: 600_000 });
    await server.next("data 1");
    connection.drain("distrusted");
    // What is asked on the way shows that it lives.
    clock.pass(10_000);
    const ping = await server.next("ping 0");
    server.say(
      frame({ type: frameType.ping, flags: flag.ack, stream: 0 }, ping.payload),
      settingsFrame(),
    );
    await server.next("settings 0 ack");
    clock.pass(10_000);
    const next = await server.next("ping 0");
    server.say(
      frame({ type: frameType.ping, flags: flag.ack, stream: 0 }, next.payload),
      settingsFrame(),
    );
    await server.next("settings 0 ack");
    clock.pass(10_000);
    assert.match(said(await reply), /^broken .*distrusted/);
  });

  it("pings when calls are open and nothing is heard, and closes when no answer comes", async () => {
    await using server = await RawServer.start();
    const clock = new Clock();
    const connection = await server.connect(clock);
    clock.pass(60_000);
    const reply = ask(connection, clock, { ms: 600_000 });
    // Before it, no ping was sent: it would come first.
    assert.equal(inWords(await server.next("")), "windowUpdate 0");
    assert.equal(inWords(await server.next("")), "settings 0 ack");
    assert.equal(inWords(await server.next("")), "headers 1");
    clock.pass(10_000);
    await server.next("ping 0");
    clock.pass(5_000);
    assert.match(said(await reply), /^broken .*no answer to a ping within 5000 ms/);
  });

  it("does not ping while something is heard", async () => {
    await using server = await RawServer.start();
    const clock = new Clock();
    const connection = await server.connect(clock);
    const reply = ask(connection, clock, { ms: 600_000 });
    await server.next("data 1");
    clock.pass(9_000);
    server.say(settingsFrame());
    await server.next("settings 0 ack");
    clock.pass(9_000);
    // A ping would come before it.
    server.say(settingsFrame());
    assert.equal(inWords(await server.next("")), "settings 0 ack");
    clock.pass(1_000);
    clock.pass(8_000);
    server.say(settingsFrame());
    assert.equal(inWords(await server.next("")), "settings 0 ack");
    await connection.close();
    await reply;
  });

  it("tells a server that breaks the protocol why it is left", async () => {
    await using server = await RawServer.start();
    const clock = new Clock();
    const connection = await server.connect(clock);
    const reply = ask(connection, clock);
    await server.next("data 1");
    server.say(dataFrame(9, answered));
    const { payload } = await server.next("goaway 0");
    assert.match(Buffer.from(payload.subarray(8)).toString(), /stream 9, which nobody opened/);
    assert.match(said(await reply), /^broken .*stream 9, which nobody opened/);
    await once(server.socket, "close");
  });

  it("leaves a server that pings without end and reads no answer", async () => {
    await using server = await RawServer.start();
    const clock = new Clock();
    const connection = await server.connect(clock);
    server.socket.pause();
    const closed = new Promise<void>((resolve) => {
      connection.whenClosed(resolve);
    });
    const ping = frame({ type: frameType.ping, flags: 0, stream: 0 }, new Uint8Array(8));
    const pings = Buffer.concat(Array.from({ length: 4_000 }, () => ping));
    const flood = (): void => {
      if (!server.socket.destroyed && connection.usable) server.socket.write(pings, flood);
    };
    flood();
    await once(connection.leaving, "abort");
    assert.match(connection.reason, /reads no answer/);
    clock.pass(1_000);
    await closed;
  });
});

describe("a stream of messages", () => {
  it("gives what has come, in order, and ends with its status", async () => {
    await using server = await RawServer.start();
    const connection = await server.connect(new Clock());
    const stream = MessageStream.open(connection, { method: echo, token: undefined })!;
    await server.next("headers 1");
    stream.send(Uint8Array.of(1));
    await server.next("data 1 6");
    const two = Buffer.concat([framed(Uint8Array.of(2)), framed(Uint8Array.of(3))]);
    server.say(headFrame(1), dataFrame(1, two.subarray(0, 8)), dataFrame(1, two.subarray(8)));
    server.say(trailerFrame(1));
    const messages = await all(stream.messages());
    assert.deepEqual(getEventListeners(connection.leaving, "abort"), []);
    assert.deepEqual(messages, [Uint8Array.of(2), Uint8Array.of(3)]);
    assert.equal(stream.failure, undefined);
    stream.send(Uint8Array.of(1));
    await connection.close();
  });

  it("ends when it is closed, when its connection is to be left, and where what comes is no message", async () => {
    await using server = await RawServer.start();
    const connection = await server.connect(new Clock());
    const open = () => MessageStream.open(connection, { method: echo, token: undefined })!;
    const [closed, wrong, left] = [open(), open(), open()];
    const ends = [closed, wrong, left].map((stream) => all(stream.messages()));
    await server.next("headers 5");
    closed.close();
    closed.close();
    assert.deepEqual(await ends[0], []);
    await server.next("rstStream 1");
    const unread = open();
    await server.next("headers 7");
    server.say(headFrame(7), dataFrame(7, framed(Uint8Array.of(5))), settingsFrame());
    await server.next("settings 0 ack");
    unread.close();
    assert.deepEqual(await all(unread.messages()), []);
    server.say(headFrame(3), dataFrame(3, Uint8Array.of(1, 0, 0, 0, 0)));
    assert.deepEqual(await ends[1], []);
    assert.match(JSON.stringify(wrong.failure), /broken.*compressed/);
    connection.drain("distrusted");
    assert.deepEqual(await ends[2], []);
    assert.equal(MessageStream.open(connection, { method: echo, token: undefined }), undefined);
    await new Promise<void>((resolve) => {
      connection.whenClosed(resolve);
    });
  });
});

async function all<T>(messages: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const message of messages) list.push(message);
  return list;
}

function said(reply: Reply): string {
  return `${reply.kind} ${"message" in reply ? String(reply.message) : ""}`;
}
