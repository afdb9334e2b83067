import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { afterEach, beforeEach, describe, it } from "mocha";
import { HoldfastError } from "#client/error.ts";
import type { Exchanged } from "#client/http/connection.ts";
import { Connections, type Sending } from "#client/http/connections.ts";
import { placeOf } from "#client/http/place.ts";
import { realRuntime } from "#client/runtime.ts";
import { eventually, inTime } from "#test/support/poll.ts";

const request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
/** Short requests: eight on each of 64 connections. */
const onAll = 512;
const ask: Sending = { text: request, lane: "short", patienceMs: 20_000 };

describe("connections to the sidecar", () => {
  let server: Server;
  let sockets: Socket[];
  let connections: Connections;
  /** What the server does with each request. */
  let serve: (socket: Socket, request: string) => void;
  const waiters: (() => void)[] = [];

  beforeEach(async () => {
    sockets = [];
    serve = (socket) => socket.write(answer);
    server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket);
      socket.on("data", (bytes: Buffer) => {
        for (const one of bytes.toString().split(/(?<=\r\n\r\n)/)) serve(socket, one);
        for (const told of waiters.splice(0)) told();
      });
      socket.on("error", () => undefined);
      socket.on("end", () => socket.end());
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    connections = new Connections(placeOf(`http://127.0.0.1:${port}`), realRuntime);
  });

  afterEach(async () => {
    connections.close();
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });

  const nextRequest = () =>
    inTime("a request", new Promise<void>((resolve) => waiters.push(resolve)));

  it("are used again", async () => {
    for (let i = 0; i < 5; i++) assert.equal((await connections.send(ask)).kind, "answered");
    assert.equal(sockets.length, 1);
  });

  it("serve short requests in turn, and never make them wait for long ones", async () => {
    const answers: (() => void)[] = [];
    serve = (socket) => void answers.push(() => socket.write(answer));
    const long = Array.from({ length: 100 }, () => connections.send({ ...ask, lane: "long" }));
    while (answers.length < 100) await nextRequest();
    const short = Array.from({ length: onAll + 36 }, () => connections.send(ask));
    while (answers.length < 100 + onAll) await nextRequest();
    assert.equal(connections.queued, 36);
    serve = (socket) => socket.write(answer);
    for (const each of answers.splice(100)) each();
    assert.ok(
      (await inTime("short ones", Promise.all(short))).every(({ kind }) => kind === "answered"),
    );
    assert.equal(connections.queued, 0);
    for (const each of answers) each();
    await inTime("long ones", Promise.all(long));
  });

  /** A request that is answered with its own number. */
  const numbered = (n: number): Sending => ({ ...ask, text: `GET /${n} HTTP/1.1\r\n\r\n` });
  const answered = (request: string): string => {
    const [, n = ""] = /^GET \/(\d+) /.exec(request) ?? [];
    return `HTTP/1.1 200 OK\r\nContent-Length: ${n.length}\r\n\r\n${n}`;
  };
  /** Sends `count` requests, of which all after the 64th ride on the connections of those before, and waits until they came. */
  const sendAll = async (count: number, change: (n: number) => Partial<Sending> = () => ({})) => {
    const came: { socket: Socket; request: string }[] = [];
    serve = (socket, one) => void came.push({ socket, request: one });
    const told = Array.from({ length: count }, (_, n) =>
      connections.send({ ...numbered(n), ...change(n) }),
    );
    while (came.length < count) await nextRequest();
    const answerAll = (): void => {
      for (const { socket, request: one } of came) socket.write(answered(one));
    };
    return { told, came, answerAll };
  };
  const textOf = (exchanged: Exchanged) =>
    exchanged.kind === "answered" ? exchanged.answer.text : exchanged.kind;

  it("carry several short requests each once there are many, and each gets its own answer", async () => {
    for (let turn = 0; turn < 2; turn++) {
      const { told, answerAll } = await sendAll(300);
      assert.equal(sockets.length, 64);
      answerAll();
      const texts = (await inTime("all", Promise.all(told))).map(textOf);
      assert.deepEqual(texts, [...texts.keys()].map(String));
    }
  });

  it("carry the others on where one is given up, and are not used again", async () => {
    const hasLittle = new Set([64, 65]);
    const { told, answerAll } = await sendAll(66, (n) =>
      hasLittle.has(n) ? { patienceMs: 50 } : {},
    );
    assert.equal((await told[64])?.kind, "unanswered");
    assert.equal((await told[65])?.kind, "unanswered");
    answerAll();
    const texts = (await inTime("all", Promise.all(told))).map(textOf);
    assert.deepEqual(texts.slice(0, 64), [...texts.keys()].slice(0, 64).map(String));
    await eventually("two closes", () => sockets.filter(({ closed }) => closed).length === 2);
    serve = (socket, one) => socket.write(answered(one));
    assert.equal(textOf(await connections.send(numbered(7))), "7");
  });

  it("tell who leaves among others the answer, and the others theirs", async () => {
    const caller = new AbortController();
    const { told, answerAll } = await sendAll(65, (n) =>
      n === 64 ? { leave: caller.signal } : {},
    );
    caller.abort();
    answerAll();
    const texts = (await inTime("all", Promise.all(told))).map(textOf);
    assert.deepEqual(texts, [...texts.keys()].map(String));
  });

  it("leave all unanswered that one carries when it breaks", async () => {
    const { told, came, answerAll } = await sendAll(66);
    const broken = came.find(({ request: one }) => one.startsWith("GET /65 "))?.socket;
    const lost = came.filter(({ socket }) => socket === broken).length;
    broken?.resetAndDestroy();
    assert.equal((await inTime("its end", told[65]!)).kind, "unanswered");
    answerAll();
    const kinds = (await inTime("all", Promise.all(told))).map(({ kind }) => kind);
    assert.equal(lost, 2);
    assert.equal(kinds.filter((kind) => kind === "unanswered").length, lost);
  });

  it("are of no use where more is answered than was asked", async () => {
    for (const [at, more] of ["x", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"].entries()) {
      serve = (socket, one) => socket.write(answered(one) + more);
      assert.equal(textOf(await connections.send(numbered(at))), String(at));
      await eventually("its close", () => sockets[at]?.closed);
    }
  });

  it("carry what the sidecar answers by itself also where nothing else is answered", async () => {
    serve = (socket, one) => {
      if (one.startsWith("GET /7 ")) socket.write(answered(one));
    };
    const short = Array.from({ length: onAll + 100 }, () => connections.send(ask));
    assert.equal(connections.queued, 100);
    const renewal = connections.send({ ...numbered(7), lane: "own" });
    assert.equal(textOf(await inTime("its answer", renewal)), "7");
    connections.close();
    await Promise.all(short);
  });

  it("tell that nothing was sent where nobody listens", async () => {
    const nobody = new Connections(placeOf("http://127.0.0.1:1"), realRuntime);
    assert.equal((await nobody.send(ask)).kind, "unsent");
    const noFile = new Connections(placeOf("unix:/nonexistent/holdfast.sock"), realRuntime);
    assert.equal((await noFile.send(ask)).kind, "unsent");
  });

  it("tell that no answer came where one breaks, whether reset or closed", async () => {
    serve = (socket) => socket.resetAndDestroy();
    assert.equal((await connections.send(ask)).kind, "unanswered");
    serve = (socket) => socket.end();
    assert.equal((await connections.send(ask)).kind, "unanswered");
    serve = (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf");
    assert.equal((await connections.send(ask)).kind, "unanswered");
    serve = (socket) => socket.write("SSH-2.0\r\n\r\n");
    const odd = await connections.send(ask);
    assert.ok(odd.kind === "unanswered" && odd.error.name === "Unreadable");
  });

  it("let go of one that does not answer in time", async () => {
    serve = () => undefined;
    const told = await connections.send({ ...ask, patienceMs: 20 });
    assert.ok(told.kind === "unanswered" && told.error.message.includes("20 ms"));
    serve = (socket) => socket.write(answer);
    assert.equal((await connections.send(ask)).kind, "answered");
    assert.equal(sockets.length, 2);
  });

  it("send nothing where so many have no answer, and say so", async () => {
    serve = () => undefined;
    const short = Array.from({ length: onAll }, () => connections.send(ask));
    const late = await inTime("its end", connections.send({ ...ask, patienceMs: 20 }));
    assert.ok(late.kind === "unsent" && HoldfastError.is(late.error, "sidecar_unreachable"));
    assert.match(late.error.message, /does not answer: 512 requests/);
    const caller = new AbortController();
    const gone = connections.send({ ...ask, leave: caller.signal });
    caller.abort();
    assert.equal((await gone).kind, "left");
    connections.close();
    await Promise.all(short);
  });

  it("keep no more than so many in turn", async () => {
    serve = () => undefined;
    const all = Array.from({ length: onAll + 20_000 }, () => connections.send(ask));
    assert.equal(connections.queued, 20_000);
    const more = await connections.send(ask);
    assert.ok(more.kind === "unsent" && /20000 requests/.test(more.error.message));
    connections.close();
    await Promise.all(all);
    assert.equal(connections.queued, 0);
  });

  it("half-close when the caller leaves: nothing was done where the other side ends in order", async () => {
    serve = () => undefined;
    const caller = new AbortController();
    const told = connections.send({ ...ask, lane: "long", leave: caller.signal });
    await nextRequest();
    caller.abort();
    assert.equal((await inTime("its end", told)).kind, "left");
  });

  it("still hear an answer that was under way when the caller left", async () => {
    server.removeAllListeners("connection");
    server.on("connection", (socket: Socket) => {
      sockets.push(socket);
      socket.on("data", () => {
        for (const each of waiters.splice(0)) each();
      });
      socket.on("end", () => socket.end(answer));
    });
    const caller = new AbortController();
    const told = connections.send({ ...ask, lane: "long", leave: caller.signal });
    await nextRequest();
    caller.abort();
    const heard = await inTime("its answer", told);
    assert.ok(heard.kind === "answered" && heard.answer.text === "ok");
  });

  it("take it for unanswered where the connection breaks after the caller left", async () => {
    serve = () => undefined;
    server.removeAllListeners("connection");
    server.on("connection", (socket: Socket) => {
      sockets.push(socket);
      socket.on("error", () => undefined);
      socket.on("data", () => {
        for (const each of waiters.splice(0)) each();
      });
      socket.on("end", () => socket.resetAndDestroy());
    });
    const caller = new AbortController();
    const told = connections.send({ ...ask, lane: "long", leave: caller.signal });
    await nextRequest();
    caller.abort();
    assert.equal((await inTime("its end", told)).kind, "unanswered");
  });

  it("are not used after the server closed them while they were idle", async () => {
    await connections.send(ask);
    const [first] = sockets;
    first?.end();
    await inTime("its close", once(first!, "close"));
    assert.equal((await connections.send(ask)).kind, "answered");
    assert.equal(sockets.length, 2);
  });

  it("send nothing once they are closed, and end what is under way", async () => {
    serve = () => undefined;
    const told = connections.send(ask);
    await nextRequest();
    connections.close();
    assert.equal((await inTime("its end", told)).kind, "unanswered");
    const after = await connections.send(ask);
    assert.ok(after.kind === "unsent" && HoldfastError.is(after.error, "client_closed"));
  });

  it("go to a socket in the file system, too", async () => {
    const file = path.join(tmpdir(), `holdfast-client-${process.pid}.sock`);
    const local = createServer((socket) => {
      sockets.push(socket);
      socket.on("data", () => socket.write(answer));
    });
    local.listen(file);
    await once(local, "listening");
    const there = new Connections(placeOf(`unix:${file}`), realRuntime);
    assert.equal((await there.send(ask)).kind, "answered");
    there.close();
    local.close();
    await once(local, "close");
  });
});

describe("the place of a sidecar", () => {
  it("is a host and a port, or a file", () => {
    const of = (url: string) => placeOf(url).socket;
    assert.deepEqual(of("http://localhost:4653"), { host: "localhost", port: 4_653 });
    assert.deepEqual(of("http://[::1]:4653"), { host: "::1", port: 4_653 });
    assert.deepEqual(of("http://localhost/"), { host: "localhost", port: 80 });
    assert.deepEqual(of("unix:/run/holdfast.sock"), { path: "/run/holdfast.sock" });
    assert.equal(placeOf("http://localhost:4653/").url, "http://localhost:4653");
  });

  for (const url of [
    "",
    "localhost:4653",
    "https://localhost",
    "http://a/b",
    "http://a?b=c",
    "http://u:p@a",
  ])
    it(`is not '${url}', and says so`, () => {
      assert.throws(() => placeOf(url), {
        name: "TypeError",
        message: /It is like http:\/\/localhost:4653/,
      });
    });
});
