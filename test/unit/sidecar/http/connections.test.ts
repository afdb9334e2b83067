import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "mocha";
import { Bug } from "#core/refusal.ts";
import { all, front, MemoryLocks } from "./front.ts";

const acquireHeld =
  "POST /v1/locks/orders/held/acquire?wait=60s HTTP/1.1\r\nHost: localhost\r\n\r\n";

function granted(locks: MemoryLocks) {
  return {
    kind: "granted",
    grant: locks.grantOf({ pool: "orders", name: "held", hold: "ttl" }),
  } as const;
}

describe("a caller that goes away", () => {
  for (const how of ["end", "resetAndDestroy"] as const) {
    it(`while it waits has its wait ended (${how})`, async () => {
      await using http = await front();
      const socket = http.raw();
      socket.write(acquireHeld);
      await http.locks.until(() => http.locks.waits.length === 1);
      socket[how]();
      await http.locks.until(() => http.locks.waits[0]?.caller.aborted === true);
      assert.match(String(http.locks.waits[0]?.caller.reason), /CallerGone/);
      assert.equal(http.server.requests, 0);
      socket.destroy();
    });
  }

  it("before it is answered has its grant given back", async () => {
    await using http = await front();
    const socket = http.raw();
    socket.write(acquireHeld);
    await http.locks.until(() => http.locks.waits.length === 1);
    const wait = http.locks.waits[0];
    http.locks.deaf = true;
    socket.destroy();
    await http.locks.until(() => wait?.caller.aborted === true);
    wait?.settle(granted(http.locks));
    await http.locks.until(() => http.locks.givenBack.length === 1);
    assert.deepEqual(http.locks.givenBack, ["g-1"]);
  });

  it("with answers of others before its own still unsent has its grant given back", async () => {
    await using http = await front();
    const socket = http.raw();
    // Two on one connection: the second one's answer must wait for the first one's.
    socket.write(
      acquireHeld + "POST /v1/locks/orders/free/acquire HTTP/1.1\r\nHost: localhost\r\n\r\n",
    );
    await http.locks.until(() => http.locks.waits.length === 1 && http.locks.asked.length === 2);
    socket.destroy();
    await http.locks.until(() => http.locks.givenBack.length === 1);
    assert.deepEqual(http.locks.givenBack, ["g-1"]);
  });

  it("after its answer keeps its grant", async () => {
    await using http = await front();
    const answer = await http.ask("POST", "/v1/locks/orders/42/acquire");
    assert.equal(answer.status, 200);
    await http.server.close();
    assert.deepEqual(http.locks.givenBack, []);
  });

  it("in the middle of its body leaves nothing behind", async () => {
    await using http = await front();
    const socket = http.raw();
    socket.write(
      "POST /v1/locks/a/b/acquire HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{",
    );
    socket.write("");
    await http.ask("GET", "/v1/session");
    socket.destroy();
    await http.server.close();
    assert.equal(http.server.requests, 0);
    assert.equal(http.server.connections, 0);
  });
});

describe("a body that is too large", () => {
  it("is refused at once when it says so, and its sender still reads the answer", async () => {
    await using http = await front();
    const answer = await http.ask("POST", "/v1/locks/a/b/acquire", {
      headers: { "content-type": "application/json" },
      body: Buffer.alloc(900_000, "a"),
    });
    assert.equal(answer.status, 413);
    assert.equal(answer.headers.connection, "close");
  });

  it("is refused while it streams", async () => {
    await using http = await front();
    const answer = await http.ask("POST", "/v1/locks/a/b/acquire", {
      headers: { "content-type": "application/json", "transfer-encoding": "chunked" },
      body: Buffer.alloc(200_000, "a"),
    });
    assert.equal(answer.status, 413);
  });

  it("is refused before it is sent to who asks first", async () => {
    await using http = await front();
    const socket = http.raw();
    socket.write(
      "POST /v1/locks/a/b/acquire HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 900000\r\nExpect: 100-continue\r\n\r\n",
    );
    const [first] = (await once(socket, "data")) as [Buffer];
    assert.match(first.toString(), /^HTTP\/1\.1 413 /);
    socket.destroy();
  });

  it("does not keep the connection from being used again when it was small enough", async () => {
    await using http = await front();
    const socket = http.raw();
    const one =
      "POST /v1/locks/a/b/acquire HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    socket.write(one);
    const [told] = (await once(socket, "data")) as [Buffer];
    assert.match(told.toString(), /^HTTP\/1\.1 100 Continue/);
    socket.write("{}" + "GET /v1/session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    const answers = await all(socket);
    assert.equal(answers.split("HTTP/1.1 200").length, 3);
  });
});

describe("bounds of the HTTP front", () => {
  it("refuse one request more than are served at once", async () => {
    await using http = await front({ bounds: { requestsMax: 1 } });
    const socket = http.raw();
    socket.write(acquireHeld);
    await http.locks.until(() => http.locks.waits.length === 1);
    const answer = await http.ask("GET", "/v1/session");
    assert.equal(answer.status, 429);
    assert.equal(answer.body["limit"], "requests");
    assert.equal(answer.headers["retry-after"], "1");
    socket.destroy();
    await http.locks.until(() => http.locks.waits[0]?.caller.aborted === true);
    assert.equal((await http.ask("GET", "/v1/session")).status, 200);
  });

  it("tell one connection more than are served that there are too many", async () => {
    await using http = await front({ bounds: { connectionsMax: 1 } });
    const first = http.raw();
    first.write(acquireHeld);
    await http.locks.until(() => http.locks.waits.length === 1);
    const second = http.raw();
    second.once("data", () => second.end());
    assert.match(await all(second), /^HTTP\/1\.1 429 [\s\S]*"limit":"connections"/);
    first.destroy();
  });

  it("make room for another where nothing is under way on one of them", async () => {
    await using http = await front({ bounds: { connectionsMax: 1 } });
    const idle = http.raw();
    const heard = all(idle);
    await once(idle, "connect");
    assert.equal((await http.ask("GET", "/v1/session")).status, 200);
    assert.equal(await heard, "");
  });
});

describe("a drain", () => {
  it("lets waiting callers have their answers and closes their connections after it", async () => {
    await using http = await front();
    const sockets = [http.raw(), http.raw()];
    for (const socket of sockets) socket.write(acquireHeld);
    await http.locks.until(() => http.locks.waits.length === 2);
    const drained = http.server.drain(new AbortController().signal);
    await assert.rejects(http.ask("GET", "/v1/session"), { code: "ECONNREFUSED" });
    for (const { settle } of http.locks.waits) settle({ kind: "held", waiting: 0 });
    for (const socket of sockets) {
      const answer = await all(socket);
      assert.match(answer, /^HTTP\/1\.1 423 [\s\S]*\r\nConnection: close\r\n/);
    }
    await drained;
  });

  it("ends at its deadline, and what is left is cut", async () => {
    const http = await front();
    const socket = http.raw();
    socket.write(acquireHeld);
    await http.locks.until(() => http.locks.waits.length === 1);
    const deadline = new AbortController();
    const drained = http.server.drain(deadline.signal);
    deadline.abort();
    await drained;
    await Promise.all([http.server.close(), http.server.close()]);
    assert.equal(http.locks.waits[0]?.caller.aborted, true);
    socket.destroy();
  });
});

describe("a broken invariant", () => {
  it("is answered with 500, and ends the process", async () => {
    const locks = new MemoryLocks();
    locks.look = () => Promise.reject(new Bug("two holders"));
    let ended = 0;
    await using http = await front({ locks, onBug: () => ended++ });
    const answer = await http.ask("GET", "/v1/locks/orders/42");
    assert.equal(answer.status, 500);
    assert.equal(ended, 1);
  });
});
