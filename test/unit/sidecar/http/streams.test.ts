/** Answers that go out piece by piece: over sockets, whatever their reader does. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { describe, it } from "mocha";
import type { Epoch } from "#core/runtime.ts";
import { Clock } from "../../../support/clock.ts";
import { all, front, type MemoryLocks } from "./front.ts";

const streamed = "Host: localhost\r\nAccept: text/event-stream\r\n\r\n";
const acquireHeld = `POST /v1/locks/orders/held/acquire?wait=60s&hold=connection HTTP/1.1\r\n${streamed}`;
const acquireFree = `POST /v1/locks/orders/free/acquire?hold=connection HTTP/1.1\r\n${streamed}`;
const watchLock = `GET /v1/locks/orders/1/events HTTP/1.1\r\n${streamed}`;

async function waiting(locks: MemoryLocks) {
  await locks.until(() => locks.waits.length === 1);
  const [wait] = locks.waits;
  assert.ok(wait?.observer !== undefined);
  return { ...wait, observer: wait.observer };
}

function granted(locks: MemoryLocks) {
  const grant = locks.grantOf({ pool: "orders", name: "held", hold: "connection" });
  return { kind: "granted", grant } as const;
}

/** What was read so far, once it holds that. */
async function read(socket: Socket, holds: RegExp): Promise<string> {
  let text = "";
  while (!holds.test(text)) {
    const [chunk] = (await once(socket, "data")) as [Buffer];
    text += chunk.toString();
  }
  return text;
}

describe("an event stream", () => {
  it("begins when there is something to say, in chunks, and is the last of its connection", async () => {
    await using http = await front();
    const socket = http.raw();
    socket.write(acquireHeld);
    const { observer, settle } = await waiting(http.locks);
    observer.waiting(3);
    const head = await read(socket, /"place":3/);
    assert.match(head, /^HTTP\/1.1 200 OK\r\nContent-Type: text\/event-stream\r\n/);
    assert.match(head, /Transfer-Encoding: chunked\r\nConnection: close\r\n/);
    assert.match(
      head,
      /\r\n\r\n[0-9a-f]+\r\nevent: waiting\ndata: \{"lock":"orders\/held","place":3\}\n\n\r\n/,
    );
    const rest = all(socket);
    settle(granted(http.locks));
    await http.locks.until(() => http.locks.followers.size === 1);
    http.locks.followers.get("g-1")?.told({ kind: "released", at: 0 as Epoch });
    const text = await rest;
    assert.match(text, /event: granted[^]*event: released[^]*\r\n0\r\n\r\n$/);
    assert.equal(http.server.requests, 0);
    assert.equal(http.streams.size, 0);
  });

  it("is none where nothing was said before the answer was no", async () => {
    await using http = await front();
    const headers = { accept: "text/event-stream" };
    for (const [path, status] of [
      ["/v1/locks/orders/held/acquire", 423],
      ["/v1/locks/unsure/1/acquire", 504],
      ["/v1/locks/nowhere/1/acquire", 404],
      ["/v1/locks/broken/1/acquire", 500],
    ] as const) {
      const answer = await http.ask("POST", path, { headers });
      assert.equal(answer.status, status);
      assert.equal(answer.headers["content-type"], "application/problem+json");
    }
    assert.equal(http.streams.size, 0);
  });

  it("ends with the problem where the answer is no after it has begun", async () => {
    for (const [end, code] of [
      [{ kind: "held", waiting: 2 }, "lock_held"],
      [{ kind: "unknown" }, "outcome_unknown"],
    ] as const) {
      await using http = await front();
      const socket = http.raw();
      socket.write(acquireHeld);
      const { observer, settle } = await waiting(http.locks);
      observer.waiting(1);
      settle(end);
      const text = await all(socket);
      assert.match(
        text,
        new RegExp(`event: problem\ndata: {.*"code":"${code}"}\n\n\r\n0\r\n\r\n$`),
      );
    }
  });

  for (const how of ["end", "resetAndDestroy"] as const) {
    it(`that its caller closes ends the wait, and later the grant (${how})`, async () => {
      await using http = await front();
      const first = http.raw();
      first.write(acquireHeld);
      const wait = await waiting(http.locks);
      wait.observer.waiting(1);
      await read(first, /waiting/);
      first[how]();
      await http.locks.until(() => wait.caller.aborted);
      const second = http.raw();
      second.write(acquireFree);
      await read(second, /granted/);
      second[how]();
      await http.locks.until(() => http.locks.closedStreams.length === 1);
      assert.deepEqual(http.locks.closedStreams, ["g-1 released"]);
      assert.equal(http.locks.followers.size, 0);
      first.destroy();
      second.destroy();
    });
  }

  it("that its caller closed as the lock was granted has it given back", async () => {
    await using http = await front();
    http.locks.deaf = true;
    const socket = http.raw();
    socket.write(acquireHeld);
    const { observer, settle, caller } = await waiting(http.locks);
    observer.waiting(1);
    await read(socket, /waiting/);
    socket.destroy();
    await http.locks.until(() => caller.aborted);
    settle(granted(http.locks));
    await http.locks.until(() => http.locks.givenBack.length === 1);
    assert.equal(http.locks.followers.size, 0);
  });

  it("that nobody reads is bounded, and ends with why; what it held is over", async () => {
    await using http = await front({ bounds: { unsentBytesMax: 4_096 } });
    const socket = http.raw();
    socket.write(acquireFree);
    await read(socket, /granted/);
    socket.pause();
    const follower = http.locks.followers.get("g-1");
    let said = 0;
    for (; http.locks.closedStreams.length === 0 && said < 1_000_000; said++)
      follower?.told({ kind: "recovered" });
    assert.deepEqual(http.locks.closedStreams, ["g-1 slow"]);
    assert.equal(http.streams.size, 0);
    assert.equal(http.streams.slow, 1);
    const text = await all(socket.resume());
    assert.match(text, /event: lost\ndata: \{.*"reason":"slow"/);
    assert.match(text, /\r\n0\r\n\r\n$/);
  });

  it("of a lock that nobody reads ends with why, too", async () => {
    await using http = await front({ bounds: { unsentBytesMax: 4_096 } });
    const socket = http.raw();
    socket.write(watchLock);
    await read(socket, /vacant/);
    socket.pause();
    const tells = http.locks.observers.get("orders/1");
    for (let said = 0; http.streams.size > 0 && said < 1_000_000; said++)
      tells?.({ kind: "vacant", lost: [] });
    assert.equal(http.locks.observers.size, 0);
    assert.match(await all(socket.resume()), /"limit":"unread"[^]*\r\n0\r\n\r\n$/);
  });

  it("that nobody reads for long ends, though it says little", async () => {
    let nowMs = 0;
    const bounds = { unreadMs: 1_000, timeoutCheckMs: 5, unsentBytesMax: 1_000_000_000 };
    await using http = await front({ bounds, nowMs: () => nowMs });
    const socket = http.raw();
    socket.write(acquireFree);
    await read(socket, /granted/);
    socket.pause();
    const follower = http.locks.followers.get("g-1");
    for (let said = 0; said < 200_000; said++) follower?.told({ kind: "recovered" });
    nowMs = 1_001;
    await http.locks.until(() => http.locks.closedStreams.length === 1);
    assert.deepEqual(http.locks.closedStreams, ["g-1 slow"]);
    assert.match(await all(socket.resume()), /"reason":"slow"[^]*\r\n0\r\n\r\n$/);
    assert.equal(http.server.requests, 0);
  });

  it("waits for answers that were asked for before it, and leaves what is asked behind it", async () => {
    await using http = await front();
    const socket = http.raw();
    const plain = "POST /v1/locks/orders/held/acquire?wait=60s HTTP/1.1\r\nHost: localhost\r\n\r\n";
    socket.write(plain + watchLock + plain);
    await http.locks.until(() => http.locks.waits.length === 2);
    const [before, behind] = http.locks.waits;
    before?.settle(granted(http.locks));
    const text = await read(socket, /vacant/);
    assert.match(text, /"grantId":"g-1"[^]*HTTP\/1.1 200 OK\r\nContent-Type: text\/event-stream/);
    await http.locks.until(() => behind?.caller.aborted === true);
    socket.destroy();
  });

  it("is not in chunks for HTTP/1.0, and only a head for HEAD", async () => {
    await using http = await front();
    const old = http.raw();
    old.write(watchLock.replace("1.1", "1.0"));
    const text = await read(old, /vacant/);
    assert.doesNotMatch(text, /chunked/);
    assert.match(text, /\r\n\r\nevent: vacant\ndata: \{"lock":"orders\/1"\}\n\n$/);
    old.destroy();
    const head = http.raw();
    head.write(watchLock.replace("GET", "HEAD"));
    const told = await all(head);
    assert.match(told, /^HTTP\/1.1 200 OK\r\nContent-Type: text\/event-stream\r\n[^]*\r\n\r\n$/);
    await http.locks.until(() => http.locks.observers.size === 0);
  });

  it("says every ten seconds that it lives", async () => {
    const runtime = new Clock();
    await using http = await front({ runtime });
    const socket = http.raw();
    socket.write(acquireHeld);
    await waiting(http.locks);
    runtime.pass(10_000);
    assert.match(await read(socket, /:\n\n/), /^HTTP\/1.1 200 OK\r\n/);
    runtime.pass(10_000);
    await read(socket, /:\n\n/);
    socket.destroy();
  });

  it("is refused where there are too many, by the name of the limit", async () => {
    await using http = await front({ streamsMax: 1 });
    const socket = http.raw();
    socket.write(watchLock);
    await read(socket, /vacant/);
    const answer = await http.ask("GET", "/v1/locks/orders/2/events");
    assert.equal(answer.status, 429);
    assert.deepEqual([answer.body["limit"], answer.body["max"]], ["streams", 1]);
    socket.destroy();
    await http.locks.until(() => http.locks.observers.size === 0);
    assert.equal(http.streams.size, 0);
  });
});
