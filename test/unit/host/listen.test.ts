import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { spawn } from "node:child_process";
import { describe, it } from "mocha";
import { address } from "#host/address.ts";
import { listen, type Listening } from "#host/listen.ts";

const option = { env: "HOLDFAST_HTTP_ADDRESS" };

async function listening(where: string) {
  const made: Listening<Server> = await listen({
    address: address(where),
    option,
    make: () => createServer((s) => s.end("hello")),
  });
  return {
    ...made,
    [Symbol.asyncDispose]: async () => {
      for (const server of made.servers) await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function reads(at: { port: number; host: string } | { path: string }): Promise<string> {
  const socket = connect(at);
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, "close");
  return text;
}

describe("listening", () => {
  it("on localhost takes every loopback family that exists, with one port for all", async () => {
    await using made = await listening("localhost:0");
    const port = made.port ?? 0;
    assert.ok(port > 0);
    for (const at of made.addresses) assert.ok(at.endsWith(`:${String(port)}`), at);
    assert.equal(await reads({ host: "127.0.0.1", port }), "hello");
    if (made.servers.length === 2) assert.equal(await reads({ host: "::1", port }), "hello");
  });

  it("on a bare port takes all addresses", async () => {
    await using made = await listening(":0");
    assert.equal(await reads({ host: "127.0.0.1", port: made.port ?? 0 }), "hello");
  });

  it("names a taken port with the option that changes it, and leaves nothing open", async () => {
    await using first = await listening("localhost:0");
    const port = String(first.port);
    await assert.rejects(listening(`localhost:${port}`), (error: Error) => {
      assert.match(
        error.message,
        new RegExp(`127\\.0\\.0\\.1, port ${port} is taken by another process`),
      );
      assert.match(error.message, /HOLDFAST_HTTP_ADDRESS or --http-address/);
      return true;
    });
  });

  it("gives up the first family when the port is taken on the second", async function () {
    const blocker = createServer();
    blocker.listen(0, "::1");
    const opened = await once(blocker, "listening").then(
      () => true,
      () => false,
    );
    if (!opened) this.skip();
    const bound = blocker.address();
    assert.ok(bound !== null && typeof bound === "object");
    await assert.rejects(listening(`localhost:${String(bound.port)}`), /::1, port \d+ is taken/);
    const free = createServer();
    free.listen(bound.port, "127.0.0.1");
    await once(free, "listening");
    free.close();
    blocker.close();
  });

  it("does nothing when switched off", async () => {
    await using made = await listening("off");
    assert.deepEqual(made.addresses, []);
  });

  it("on a unix socket removes what a killed process left, and nothing else", async () => {
    const folder = await mkdtemp(join(tmpdir(), "holdfast-"));
    const path = join(folder, "s.sock");
    const script = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.stdout.write("up"))`;
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    await assert.rejects(listening(`unix:${path}`), /in use by another process/);
    child.kill("SIGKILL");
    await once(child, "exit");
    {
      await using made = await listening(`unix:${path}`);
      assert.deepEqual(made.addresses, [`unix:${path}`]);
      assert.equal(await reads({ path }), "hello");
    }
    await writeFile(path, "mine");
    await assert.rejects(listening(`unix:${path}`), /exists and is no socket/);
    await rm(folder, { recursive: true });
  });
});

describe("an address", () => {
  const taken = {
    "localhost:1": "loopback",
    ":1": "all",
    "10.0.0.1:1": "host",
    "[::1]:1": "host",
    off: "off",
    "unix:/a": "unix",
  };
  for (const [value, kind] of Object.entries(taken)) {
    it(`may be ${value}`, () => {
      assert.equal(address(value).kind, kind);
    });
  }
  for (const value of [
    "4653",
    "localhost",
    "localhost:65536",
    "localhost:x",
    "::1:4653",
    "unix:relative",
    "",
  ]) {
    it(`may not be '${value}'`, () => {
      assert.throws(() => address(value), { name: "OptionProblem" });
    });
  }
});
