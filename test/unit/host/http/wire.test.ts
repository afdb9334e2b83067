/** One connection, from both ends: order, times, bounds, and who has gone. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it } from "mocha";
import { bounds, requestsPerConnectionMax } from "#host/http/limits.ts";
import { text } from "#host/http/reply.ts";
import { eventually } from "#test/support/poll.ts";
import { bareFront, Client, type Served } from "./bare-front.ts";

const get = (target: string, ...headers: string[]): string =>
  `GET ${target} HTTP/1.1\r\n${["Host: a", ...headers].join("\r\n")}\r\n\r\n`;
const chunked = (target: string, ...parts: string[]): string =>
  `POST ${target} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n` +
  [...parts, ""].map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join("");
const sized = (target: string, body: string): string =>
  `POST ${target} HTTP/1.1\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** Says what was asked. */
const echo = ({ exchange, body = "" }: Served) =>
  text(200, `${exchange.request.method} ${exchange.request.target} ${body};`);

describe("requests on one connection", () => {
  it("are answered in their order, whoever is ready first", async () => {
    await using front = await bareFront();
    using client = front.dial();
    client.send(get("/1") + chunked("/2", "a", "b") + sized("/3", "c") + get("/4"));
    await front.until(4);
    for (const at of [3, 1, 2, 0]) {
      assert.equal(client.heard, "");
      front.served[at]!.exchange.answer(echo(front.served[at]!));
    }
    await client.until(4);
    assert.deepEqual(client.heard.match(/(GET|POST) [^;]*(?=;)/g), [
      "GET /1 ",
      "POST /2 ab",
      "POST /3 c",
      "GET /4 ",
    ]);
    assert.equal(front.server.requests, 0);
  });

  it("come as bytes come, however few", async () => {
    await using front = await bareFront({ answer: echo });
    using client = front.dial();
    client.socket.setNoDelay(true);
    const all = chunked("/1", "{}") + get("/2") + sized("/3", "x");
    for (const byte of all) client.send(byte);
    await client.until(3);
    assert.deepEqual(
      front.served.map(({ body }) => body),
      ["{}", "", "x"],
    );
  });

  it("say how the connection goes on", async () => {
    await using front = await bareFront({ answer: echo });
    const cases: [string, RegExp, number][] = [
      [get("/"), /Connection: keep-alive\r\nKeep-Alive: timeout=75\r\n/, 2],
      [get("/", "Connection: close"), /Connection: close\r\n/, 1],
      ["GET / HTTP/1.0\r\n\r\n", /^HTTP\/1\.1 200 [\s\S]*Connection: close\r\n/, 1],
      ["GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", /Connection: keep-alive\r\n/, 2],
    ];
    for (const [request, expected, answers] of cases) {
      using client = front.dial();
      client.send(request + get("/last", "Connection: close"));
      await client.over();
      assert.match(client.heard, expected);
      assert.equal(client.statuses.length, answers);
    }
  });

  it("are each asked for their body in their turn", async () => {
    await using front = await bareFront();
    using client = front.dial();
    client.send(
      get("/1") + "POST /2 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
    );
    await front.until(1);
    using other = front.dial();
    other.send(get("/other"));
    await front.until(2);
    assert.equal(client.heard, "");
    front.served[0]!.exchange.answer(text(200, "1;"));
    await client.until("100 Continue");
    assert.deepEqual(client.statuses, ["200", "100"]);
    client.send("ab");
    await front.until(3);
    assert.equal(front.served[2]!.body, "ab");
  });

  it("are answered before what comes after them is refused", async () => {
    await using front = await bareFront();
    using client = front.dial();
    client.send(`${get("/1")}HELLO\r\n\r\n${get("/2")}`);
    await front.until(1);
    front.served[0]!.exchange.answer(text(200, "1;"));
    await client.over();
    assert.deepEqual(client.statuses, ["200", "400"]);
    assert.match(client.heard, /keep-alive[\s\S]*Connection: close/);
    assert.equal(front.served.length, 1);
  });

  it("that break off in the body are refused in their turn, and are over", async () => {
    await using front = await bareFront();
    using client = front.dial();
    client.send(`${get("/1")}POST /2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`);
    await front.until(1);
    assert.equal(front.server.requests, 1);
    front.served[0]!.exchange.answer(text(200, "1;"));
    await client.over();
    assert.deepEqual(client.statuses, ["200", "400"]);
  });

  it("are not read after one that is to be the last", async () => {
    await using front = await bareFront();
    const lasts = [
      get("/last", "Connection: close"),
      "POST /last HTTP/1.1\r\nConnection: close\r\nContent-Length: 1\r\n\r\na",
    ];
    for (const [at, last] of lasts.entries()) {
      using client = front.dial();
      client.send(last + get("/after"));
      using other = front.dial();
      await front.until(2 * at + 1);
      other.send(get("/other"));
      await front.until(2 * at + 2);
      for (const { exchange } of front.served) if (!exchange.isOver) exchange.answer(text(200, ""));
      await client.over();
      assert.deepEqual(client.statuses, ["200"]);
    }
    assert.ok(front.served.every(({ exchange }) => exchange.request.target !== "/after"));
  });

  it("are not read after one that expects what nobody can do", async () => {
    await using front = await bareFront({ answer: echo });
    using client = front.dial();
    client.send(get("/1", "Expect: wonders") + get("/2"));
    await client.over();
    assert.match(client.heard, /^HTTP\/1\.1 400 [\s\S]*Connection: close[\s\S]*only 100-continue/);
    assert.equal(front.served.length, 0);
  });

  it("work on a unix socket, too", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "front-"));
    try {
      const file = path.join(folder, "s");
      await using front = await bareFront({ answer: echo, on: `unix:${file}` });
      using client = new Client(connect({ path: file }));
      client.send(get("/1"));
      await client.until("GET /1 ;");
      assert.equal(front.server.port, undefined);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("a client that does not read", () => {
  const large = "x".repeat(64 * 1024);

  it("is read from no more, until it reads", async () => {
    const count = 1_000;
    await using front = await bareFront({ answer: () => text(200, large) });
    using client = front.dial();
    client.socket.pause();
    const sent = once(client.socket, "connect").then(
      () => new Promise((resolve) => client.socket.write(get("/").repeat(count), resolve)),
    );
    await sent;
    // While others are served again and again, all of it would have been read.
    for (let i = 0; i < 50; i++) {
      using other = front.dial();
      other.send(get("/other", "Connection: close"));
      await other.over();
    }
    const answered = front.served.length - 50;
    assert.ok(answered < count, `${answered} answers are kept for a client that reads none`);
    let bytes = 0;
    client.socket.removeAllListeners("data");
    client.socket.on("data", (chunk: Buffer) => (bytes += chunk.length));
    client.socket.resume();
    await front.until(count + 50);
    client.socket.end();
    await client.over();
    assert.ok(bytes > count * large.length);
  });

  it("is read from no more while answers wait behind one that is not ready", async () => {
    await using front = await bareFront({ bounds: { unsentBytesMax: 1_000 } });
    using client = front.dial();
    client.send(get("/").repeat(10));
    await front.until(10);
    for (let i = 10; i < 20; i++) client.send(get("/"));
    await front.until(20);
    for (const { exchange } of front.served.slice(1, 3))
      exchange.answer(text(200, "y".repeat(600)));
    client.send(get("/").repeat(10));
    using other = front.dial();
    other.send(get("/other"));
    await front.until(21);
    assert.equal(front.served.filter(({ exchange }) => exchange.request.target === "/").length, 20);
    for (const { exchange } of front.served) if (exchange.isReading) exchange.answer(text(200, ""));
    await front.until(31);
  });

  it("is read from no more while it has as many requests under way as it may", async () => {
    await using front = await bareFront();
    using client = front.dial();
    client.send(get("/").repeat(requestsPerConnectionMax + 50));
    await front.until(requestsPerConnectionMax);
    // One more was told so; the others are not read.
    assert.equal(front.server.requests, requestsPerConnectionMax + 1);
    const [first, ...others] = [...front.served];
    for (const { exchange } of others) exchange.answer(text(200, ""));
    assert.equal(client.heard, "");
    first!.exchange.answer(text(200, ""));
    await front.until(requestsPerConnectionMax + 49);
    for (const { exchange } of front.served.slice(requestsPerConnectionMax))
      exchange.answer(text(200, ""));
    await client.until(requestsPerConnectionMax + 50);
    assert.deepEqual(
      client.statuses.flatMap((status, at) => (status === "429" ? [at] : [])),
      [requestsPerConnectionMax],
    );
  });

  it("is given up after its time, and its answer is undelivered", async () => {
    await using front = await bareFront({ bounds: { unreadMs: 1_000 } });
    using client = front.dial();
    client.socket.pause();
    client.send(get("/"));
    await front.until(1);
    let isUndelivered = false;
    const reply = text(200, "x".repeat(64 * 1024 * 1024), () => (isUndelivered = true));
    front.served[0]!.exchange.answer(reply);
    assert.equal(front.server.requests, 1);
    await front.at(1_001);
    client.socket.resume();
    await client.over();
    assert.equal(isUndelivered, true);
    assert.equal(front.server.requests, 0);
  });

  it("and goes has its answer undelivered, but not those that the kernel took", async () => {
    await using front = await bareFront();
    using client = front.dial();
    client.socket.pause();
    client.send(get("/1") + get("/2") + get("/3"));
    await front.until(3);
    const undelivered: number[] = [];
    const reply = (n: number, body: string) => text(200, body, () => undelivered.push(n));
    front.served[0]!.exchange.answer(reply(1, "small"));
    assert.equal(front.server.requests, 2);
    front.served[1]!.exchange.answer(reply(2, "x".repeat(64 * 1024 * 1024)));
    front.served[2]!.exchange.answer(reply(3, "small"));
    const gone = once(front.served[2]!.exchange.caller, "abort");
    client.socket.destroy();
    await gone;
    assert.deepEqual(undelivered, [2, 3]);
    assert.equal(front.server.requests, 0);
  });
});

describe("a slow client", () => {
  const { headersMs, requestMs, idleMs } = bounds;

  it("has its headers refused after their time, not before", async () => {
    await using front = await bareFront({ answer: echo });
    using client = front.dial();
    client.send(`${get("/1")}GET /2`);
    await client.until(1);
    await front.at(headersMs);
    client.send(" HTTP/1.1\r\n");
    using other = front.dial();
    other.send(get("/other"));
    await other.until(1);
    client.send(`\r\n${get("/3")}GET /4`);
    await client.until(3);
    await front.at(2 * headersMs);
    client.send(` HTTP/1.1\r\n\r\nGET /5`);
    await client.until(4);
    await front.at(3 * headersMs + 1);
    await client.over();
    assert.deepEqual(client.statuses, ["200", "200", "200", "200", "400"]);
    assert.match(
      client.heard,
      /"code":"malformed"[\s\S]*headers did not arrive within 10 s|headers did not arrive within 10 s/,
    );
  });

  it("has its body refused after the time of a request", async () => {
    await using front = await bareFront();
    using client = front.dial();
    client.send(`${get("/1")}POST /2 HTTP/1.1\r\nContent-Length: 3\r\n\r\na`);
    await front.until(1);
    front.served[0]!.exchange.answer(text(200, "1;"));
    await front.at(requestMs);
    client.send("bc" + "POST /3 HTTP/1.1\r\nContent-Length: 3\r\n\r\na");
    await front.until(2);
    front.served[1]!.exchange.answer(text(200, "2;"));
    await client.until(2);
    await front.at(2 * requestMs);
    client.send("b");
    using other = front.dial();
    other.send(get("/other"));
    await front.until(3);
    await front.at(2 * requestMs + 1);
    await client.over();
    assert.deepEqual(client.statuses, ["200", "200", "400"]);
    assert.match(client.heard, /it did not arrive within 30 s/);
  });

  it("may wait for an answer as long as it takes, and idle for its time", async () => {
    await using front = await bareFront();
    using client = front.dial();
    client.send(get("/1"));
    await front.until(1);
    await front.at(1e9);
    using other = front.dial();
    other.send(get("/other"));
    await front.until(2);
    front.served[0]!.exchange.answer(text(200, "1;"));
    await client.until(1);
    await front.at(1e9);
    await front.at(1e9 + idleMs);
    client.send(get("/2"));
    await front.until(3);
    front.served[2]!.exchange.answer(text(200, "2;"));
    await client.until(2);
    await front.at(1e9 + 2 * idleMs + 1);
    await client.over();
    assert.deepEqual(client.statuses, ["200", "200"]);
  });

  it("that says nothing at all is closed without a word", async () => {
    await using front = await bareFront();
    using client = front.dial();
    await once(client.socket, "connect");
    using other = front.dial();
    other.send(get("/other"));
    await front.until(1);
    await front.at(headersMs + 1);
    await client.over();
    assert.equal(client.heard, "");
  });

  it("that does not close after the last answer is cut off", async () => {
    await using front = await bareFront({ bounds: { lingerMs: 1 } });
    using client = front.dial();
    client.send("HELLO\r\n\r\n");
    await client.over();
    assert.match(client.heard, /400/);
    await eventually("it to be cut off", () => front.server.connections === 0);
  });

  it("that goes on sending after the last answer is cut off", async () => {
    await using front = await bareFront({ bounds: { lingerMs: 60_000 } });
    using client = front.dial();
    client.send("HELLO\r\n\r\n");
    const more = () =>
      client.socket.write("x".repeat(64 * 1024), (error) => {
        if (!(error instanceof Error)) more();
      });
    more();
    await client.closed();
    assert.equal(front.server.requests, 0);
  });
});

describe("a client that closes its side", () => {
  it("after a whole request that is answered at once has its answer", async () => {
    await using front = await bareFront({ answer: echo });
    using client = front.dial();
    client.socket.end(get("/1") + get("/2"));
    await client.over();
    assert.deepEqual(client.statuses, ["200", "200"]);
  });

  for (const part of ["GET / HT", "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na"]) {
    it(`in the middle of a request is told so (${part.slice(0, 4)})`, async () => {
      await using front = await bareFront();
      using client = front.dial();
      client.socket.end(part);
      await client.over();
      assert.match(client.heard, /^HTTP\/1\.1 400 [\s\S]*ends before it is whole/);
      assert.equal(front.server.requests, 0);
    });
  }

  it("while it waits is gone, with all that it asked for", async () => {
    await using front = await bareFront();
    using client = front.dial();
    client.send(get("/1") + get("/2") + get("/3"));
    await front.until(3);
    const undelivered: number[] = [];
    front.served[1]!.exchange.answer(text(200, "2", () => undelivered.push(2)));
    const { caller } = front.served[0]!.exchange;
    const gone = once(caller, "abort");
    client.socket.end();
    await gone;
    assert.match(String(caller.reason), /CallerGone/);
    front.served[2]!.exchange.answer(text(200, "3", () => undelivered.push(3)));
    await client.over();
    assert.deepEqual(undelivered, [2, 3]);
    assert.equal(client.heard, "");
    assert.equal(front.server.requests, 0);
  });
});

describe("a drain of connections", () => {
  it("closes idle ones at once, and each other with its last answer", async () => {
    await using front = await bareFront();
    using idle = front.dial();
    using busy = front.dial();
    idle.send(get("/idle"));
    await front.until(1);
    front.served[0]!.exchange.answer(text(200, ""));
    await idle.until(1);
    busy.send(get("/1") + get("/2"));
    await front.until(3);
    const drained = front.server.drain(new AbortController().signal);
    await idle.over();
    front.served[1]!.exchange.answer(text(200, "1;"));
    await busy.until(1);
    assert.match(busy.heard, /keep-alive/);
    front.served[2]!.exchange.answer(text(200, "2;"));
    await drained;
    await busy.over();
    assert.match(busy.heard, /keep-alive[\s\S]*Connection: close/);
  });

  it("sees who closes, also where it had stopped reading", async () => {
    await using front = await bareFront({ bounds: { lingerMs: 60_000 } });
    using client = front.dial();
    client.socket.pause();
    client.send(get("/1") + get("/2"));
    await front.until(2);
    front.served[0]!.exchange.answer(text(200, "x".repeat(16 * 1024 * 1024)));
    using other = front.dial();
    for (const count of [3, 4]) {
      client.send(get("/more"));
      other.send(get("/other"));
      await front.until(count);
    }
    front.server.stopAccepting();
    front.served[1]!.exchange.answer(text(200, ""));
    client.socket.resume();
    await client.over();
    assert.equal(front.served.length, 4);
    other.socket.destroy();
    client.socket.end();
    await eventually("it to be closed", () => front.server.connections === 0);
  });
});
