/** Against Node's own HTTP/2, which shares no line with ours. */
import assert from "node:assert/strict";
import http2 from "node:http2";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { realRuntime } from "#host/runtime.ts";
import { forever } from "#core/runtime.ts";
import { call } from "#etcd/http2/call.ts";
import { Connection } from "#etcd/http2/connection.ts";
import type { Field } from "#etcd/http2/hpack-tables.ts";
import { Deframer, frame } from "#etcd/http2/message.ts";
import { MessageStream } from "#etcd/http2/stream.ts";
import { silentLog } from "../../host/silent-log.ts";

const never = new AbortController().signal;
const grpcHead = { ":status": 200, "content-type": "application/grpc" };

type OnStream = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void;

class NodeServer implements AsyncDisposable {
  readonly #server: http2.Http2Server;
  readonly #connections: Connection[] = [];

  private constructor(server: http2.Http2Server) {
    this.#server = server;
  }

  static async start(onStream: OnStream, settings: http2.Settings = {}): Promise<NodeServer> {
    // Its own bound, 10 MB, is less than some calls ask for.
    const server = http2.createServer({ settings, maxSessionMemory: 1_000 });
    server.on("stream", (stream, headers) => {
      stream.on("error", ignore);
      onStream(stream, headers);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new NodeServer(server);
  }

  async connect(): Promise<Connection> {
    const { port } = this.#server.address() as AddressInfo;
    const endpoint = `http://127.0.0.1:${port}`;
    const connection = await Connection.open({ endpoint, runtime: realRuntime(silentLog) }, never);
    this.#connections.push(connection);
    return connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()));
    this.#server.close();
    await once(this.#server, "close");
  }
}

function ignore(): void {
  return undefined;
}

function ask(connection: Connection, message: Uint8Array) {
  const plan = { path: "/x", token: "a token", message, deadline: forever };
  return call(connection, realRuntime(silentLog), plan);
}

/** Hears only the head of an answer. */
function headOf(connection: Connection): Promise<readonly Field[]> {
  return new Promise((resolve, reject) => {
    const listener = {
      headers: resolve,
      data: ignore,
      ended: (end: unknown) => {
        reject(new Error(JSON.stringify(end)));
      },
    };
    const message = Uint8Array.of(0);
    const exchange = connection.request({ path: "/h", fields: [], listener, message });
    if (typeof exchange === "string") reject(new Error(exchange));
  });
}

/** Node adds the date. */
function isTested(field: Field): boolean {
  return field.name !== "date";
}

const visible = fc.integer({ min: 33, max: 126 }).map((code) => String.fromCharCode(code));
const name = fc.oneof(
  fc.constantFrom("server", "via", "etag", "cache-control", "x-one", "x-two", "grpc-message"),
  fc.string({
    unit: fc.constantFrom("a", "b", "y", "z", "0", "9", "-", "_"),
    minLength: 1,
    maxLength: 40,
  }),
);
const value = fc.oneof(
  fc.constantFrom("", "1", "no-cache", "a value with blanks"),
  fc.string({ unit: visible, maxLength: 60 }),
  fc.string({ unit: visible, minLength: 1_000, maxLength: 6_000 }),
);
/** Answers, one after the other on one connection. */
const headLists = fc.array(
  fc.uniqueArray(fc.tuple(name, value), { maxLength: 8, selector: ([key]) => `x${key}` }),
  { minLength: 1, maxLength: 6 },
);

describe("an answer's headers", () => {
  it("are read as Node's server wrote them, whatever its table holds", async () => {
    let next: readonly (readonly [string, string])[] = [];
    await using server = await NodeServer.start((stream) => {
      const headers = Object.fromEntries(next.map(([key, text]) => [`x${key}`, text]));
      stream.respond({ ":status": 200, ...headers }, { endStream: true });
    });
    // One connection for all runs: the table lives as long.
    const connection = await server.connect();
    await fc.assert(
      fc.asyncProperty(headLists, async (lists) => {
        // Each twice: the second time it stands in the table, if it fits.
        for (const list of [...lists, ...lists]) {
          next = list;
          const fields = await headOf(connection);
          const told = fields.filter(isTested).map((field) => [field.name, field.value]);
          assert.deepEqual(told, [
            [":status", "200"],
            ...list.map(([key, text]) => [`x${key}`, text]),
          ]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("say the status and its message, percent signs and all", async () => {
    const text = "etcdserver: 100 % of what is ünlikely";
    await using server = await NodeServer.start((stream) => {
      stream.respond(
        { ":status": 200, "grpc-status": "9", "grpc-message": encodeURIComponent(text) },
        { endStream: true },
      );
    });
    const reply = await ask(await server.connect(), Uint8Array.of(1));
    assert.deepEqual(reply, { kind: "status", code: 9, message: text });
  });
});

describe("a request's headers", () => {
  it("arrive as they were meant", async () => {
    let seen: http2.IncomingHttpHeaders = {};
    await using server = await NodeServer.start((stream, headers) => {
      seen = headers;
      stream.respond({ ":status": 200, "grpc-status": "1" }, { endStream: true });
    });
    const connection = await server.connect();
    await ask(connection, Uint8Array.of(1));
    assert.deepEqual(
      { ...seen },
      {
        ":method": "POST",
        ":scheme": "http",
        ":authority": new URL(connection.endpoint).host,
        ":path": "/x",
        "content-type": "application/grpc",
        te: "trailers",
        token: "a token",
        [http2.sensitiveHeaders]: ["token"],
      },
    );
  });
});

const mebibyte = 1024 * 1024;
const size = fc.oneof(
  { weight: 6, arbitrary: fc.nat(200) },
  { weight: 3, arbitrary: fc.nat(300_000) },
  { weight: 1, arbitrary: fc.integer({ min: 4 * mebibyte, max: 6 * mebibyte }) },
);

/** Not the same anywhere, so that a piece in the wrong place is seen. */
function filled(sizeBytes: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  let state = seed + 1;
  for (let at = 0; at < sizeBytes; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
    bytes[at] = state >>> 16;
  }
  return bytes;
}

/** Answers each message with one of the length that its first four bytes ask for, of the bytes of the message. */
const reflect: OnStream = (stream) => {
  const deframer = new Deframer();
  stream.on("data", (chunk: Buffer) => {
    for (const message of deframer.push(chunk)) {
      const answerBytes = new DataView(message.buffer).getUint32(0);
      const answer = new Uint8Array(answerBytes);
      for (let at = 0; at < answerBytes; at += message.length) {
        answer.set(message.subarray(0, answerBytes - at), at);
      }
      if (!stream.headersSent) stream.respond(grpcHead, { waitForTrailers: true });
      stream.write(frame(answer));
    }
  });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.on("end", () => stream.end());
};

function asking(answerBytes: number, { sizeBytes, seed }: { sizeBytes: number; seed: number }) {
  const message = filled(sizeBytes + 4, seed);
  new DataView(message.buffer).setUint32(0, answerBytes);
  return message;
}

function isAnswer(answer: Uint8Array, message: Uint8Array, answerBytes: number): boolean {
  if (answer.length !== answerBytes) return false;
  for (let at = 0; at < answerBytes; at += message.length) {
    const part = answer.subarray(at, at + message.length);
    if (Buffer.compare(part, message.subarray(0, part.length)) !== 0) return false;
  }
  return true;
}

describe("calls at once", () => {
  const settings: http2.Settings[] = [
    {},
    { initialWindowSize: 1_000, maxConcurrentStreams: 3 },
    { initialWindowSize: 8 * mebibyte, maxFrameSize: 1_000_000 },
  ];
  for (const one of settings) {
    it(`get the answers that are theirs, where the server says ${JSON.stringify(one)}`, async () => {
      await using server = await NodeServer.start(reflect, one);
      const connection = await server.connect();
      const calls = fc.array(fc.tuple(size, size), { minLength: 1, maxLength: 12 });
      await fc.assert(
        fc.asyncProperty(calls, async (all) => {
          const ends = all.map(async ([sizeBytes, answerBytes], seed) => {
            const message = asking(answerBytes, { sizeBytes, seed });
            const reply = await ask(connection, message);
            assert.equal(reply.kind, "answer");
            assert.ok(reply.kind === "answer" && isAnswer(reply.message, message, answerBytes));
          });
          await Promise.all(ends);
        }),
        { numRuns: 8 },
      );
      assert.equal(connection.usable, true);
    }).timeout(60_000);
  }
});

const bytesMethod = {
  path: "/s",
  encode: (bytes: Uint8Array) => bytes,
  decode: (bytes: Uint8Array) => bytes,
};

describe("a stream beside calls", () => {
  it("gives all messages in order, whatever their size", async () => {
    await using server = await NodeServer.start(reflect);
    const connection = await server.connect();
    const sizes = [1, 5 * mebibyte, 0, 70_000, 3, 6 * mebibyte, 16_384];
    const stream = MessageStream.open(connection, { method: bytesMethod, token: undefined })!;
    const messages = sizes.map((bytes, seed) => asking(bytes, { sizeBytes: 100, seed }));
    for (const message of messages) stream.send(message);
    let at = 0;
    for await (const answer of stream.messages()) {
      assert.ok(isAnswer(answer, messages[at]!, sizes[at]!), `answer ${at}`);
      at += 1;
      if (at === sizes.length) break;
    }
    assert.equal(at, sizes.length);
  });

  it("that is not read makes its own server wait, and nobody else", async () => {
    let written = 0;
    await using server = await NodeServer.start((stream, headers) => {
      if (headers[":path"] !== "/s") {
        reflect(stream, headers);
        return;
      }
      stream.respond(grpcHead);
      const piece = frame(new Uint8Array(256 * 1024));
      const more = () => {
        while (written < 200) {
          written += 1;
          if (!stream.write(piece)) {
            stream.once("drain", more);
            break;
          }
        }
      };
      more();
    });
    const connection = await server.connect();
    const stream = MessageStream.open(connection, { method: bytesMethod, token: undefined })!;
    // 84 MB of answers pass by, more than the connection's window.
    for (let times = 0; times < 14; times++) {
      const message = asking(6 * mebibyte, { sizeBytes: 1_000, seed: times });
      const reply = await ask(connection, message);
      assert.ok(reply.kind === "answer" && isAnswer(reply.message, message, 6 * mebibyte));
    }
    assert.ok(written < 40, `${written} pieces of 256 KiB were taken, and nobody read them`);
    let read = 0;
    for await (const piece of stream.messages()) {
      assert.equal(piece.length, 256 * 1024);
      read += 1;
      if (read === 200) break;
    }
    assert.equal(read, 200);
  });
});
