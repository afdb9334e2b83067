import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, Socket, type AddressInfo } from "node:net";
import { beforeEach, afterEach, describe, it } from "mocha";
import { TcpProxy } from "../../support/tcp-proxy.ts";

/** Answers each chunk with itself. */
async function startEcho(): Promise<AsyncDisposable & { port: number; received: string[] }> {
  const sockets = new Set<Socket>();
  const received: string[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("data", (bytes) => {
      received.push(bytes.toString());
      socket.write(bytes);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    received,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.setEncoding("utf8");
  await once(socket, "connect");
  return socket;
}

async function echo(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [answer] = (await once(socket, "data")) as [string];
  return answer;
}

describe("the TCP proxy", () => {
  const stack: { of: AsyncDisposableStack } = { of: new AsyncDisposableStack() };
  let server: Awaited<ReturnType<typeof startEcho>>;
  let proxy: TcpProxy;
  let client: Socket;

  beforeEach(async () => {
    stack.of = new AsyncDisposableStack();
    server = stack.of.use(await startEcho());
    proxy = stack.of.use(await TcpProxy.start({ port: server.port }));
    client = await dial(proxy.port);
    stack.of.defer(() => void client.destroy());
    assert.equal(await echo(client, "before"), "before");
  });

  afterEach(() => stack.of.disposeAsync());

  it("keeps held answers until it heals, in order", async () => {
    proxy.hold("answers");
    const arrived = proxy.arrival("answers");
    client.write("one,");
    await arrived;
    const second = proxy.arrival("answers");
    client.write("two");
    await second;
    assert.deepEqual(server.received, ["before", "one,", "two"]);
    const answers: string[] = [];
    client.on("data", (text: string) => answers.push(text));
    await proxy.heal();
    while (answers.join("") !== "one,two") await once(client, "data");
  });

  it("loses cut requests: the server never sees them, and the connection is reset when it heals", async () => {
    proxy.cutRequests();
    const arrived = proxy.arrival("requests");
    client.write("lost");
    await arrived;
    const failed = once(client, "error");
    await proxy.heal();
    const [error] = (await failed) as [NodeJS.ErrnoException];
    assert.equal(error.code, "ECONNRESET");
    assert.deepEqual(server.received, ["before"]);
    const anew = await dial(proxy.port);
    stack.of.defer(() => void anew.destroy());
    assert.equal(await echo(anew, "after"), "after");
  });

  it("loses cut answers to requests that the server did see", async () => {
    proxy.cutAnswers();
    const arrived = proxy.arrival("answers");
    client.write("seen");
    await arrived;
    assert.deepEqual(server.received, ["before", "seen"]);
    const failed = once(client, "error");
    await proxy.heal();
    await failed;
    assert.equal(client.bytesRead, "before".length);
  });

  it("lets a connection go on that lost nothing while it was cut", async () => {
    proxy.cutAnswers();
    await proxy.heal();
    assert.equal(await echo(client, "still"), "still");
  });

  it("delays one direction and keeps the order", async () => {
    let text = "";
    client.on("data", (part: string) => (text += part));
    proxy.delay("answers", 30);
    const sentAt = performance.now();
    const arrived = proxy.arrival("answers");
    client.write("a");
    await arrived;
    proxy.delay("answers", 0);
    client.write("b");
    while (text.length < 2) await once(client, "data");
    assert.equal(text, "ab");
    assert.ok(performance.now() - sentAt >= 29);
  });

  it("refuses new connections while those that stand go on, until it heals", async () => {
    await proxy.refuse();
    await assert.rejects(dial(proxy.port), { code: "ECONNREFUSED" });
    assert.equal(await echo(client, "standing"), "standing");
    await proxy.heal();
    const anew = await dial(proxy.port);
    stack.of.defer(() => void anew.destroy());
    assert.equal(await echo(anew, "new"), "new");
  });

  it("resets all connections at once", async () => {
    const failed = once(client, "error");
    proxy.reset();
    const [error] = (await failed) as [NodeJS.ErrnoException];
    assert.equal(error.code, "ECONNRESET");
    assert.equal(proxy.connections, 0);
  });

  it("fails a connection whose server is not there", async () => {
    await using orphan = await TcpProxy.start({ port: proxy.port + 0 });
    await proxy.refuse();
    const socket = connect({ port: orphan.port, host: "127.0.0.1" });
    await assert.rejects(once(socket, "data"), { code: "ECONNRESET" });
  });

  it("passes on the end of a connection", async () => {
    client.end();
    await once(client, "close");
  });

  it("closes a connection also where it is reset in the moment in which its end is sent", async () => {
    const { prototype } = Socket;
    const { end } = prototype;
    const closed = new Promise((resolve) =>
      client.once("error", () => client.once("close", resolve)),
    );
    prototype.end = function (this: Socket) {
      end.call(this, "");
      if (this !== client) proxy.reset();
      return this;
    };
    try {
      client.end();
      await closed;
    } finally {
      prototype.end = end;
    }
    // What is not closed the leak check tells.
    assert.equal(proxy.connections, 0);
  });
});
