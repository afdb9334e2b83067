import assert from "node:assert/strict";
import http2 from "node:http2";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { BadServer, type Behaviour, type Call, endWith, isWrite } from "./bad-server.ts";
import { clientOf, fastRuntime, putOf, said, within } from "./client-of.ts";

const { NGHTTP2_REFUSED_STREAM, NGHTTP2_INTERNAL_ERROR } = http2.constants;

/** What becomes of one write at a server that behaves so. */
async function writeAt(behaviour: (call: Call) => void): Promise<string> {
  const onWrite: Behaviour = (call) => {
    if (!isWrite(call)) return false;
    behaviour(call);
    return true;
  };
  await using server = await BadServer.start(onWrite);
  await using client = await clientOf(server.endpoint, { runtime: fastRuntime() });
  const outcome = await client.sendTxn(putOf("/k"));
  // Whatever it was, it was sent once.
  const writes = (server.calls.get("/etcdserverpb.KV/Txn") ?? 0) - probesAt(server);
  assert.ok(writes === 1, `sent ${writes} times`);
  return said(outcome);
}

/** Each connection makes one status call and one probe. */
function probesAt(server: BadServer): number {
  return server.calls.get("/etcdserverpb.Maintenance/Status") ?? 0;
}

describe("a write", () => {
  it("is unknown when the server never answers", async () => {
    assert.equal(await writeAt(() => undefined), "unknown noAnswer");
  });

  it("is unknown when the server resets the stream", async () => {
    assert.equal(
      await writeAt(({ stream }) => stream.close(NGHTTP2_INTERNAL_ERROR)),
      "unknown noAnswer",
    );
  });

  it("is refused, as not sent, when the server says that it looked at nothing", async () => {
    assert.equal(
      await writeAt(({ stream }) => stream.close(NGHTTP2_REFUSED_STREAM)),
      "refused notSent",
    );
  });

  it("is unknown when the connection breaks", async () => {
    assert.equal(await writeAt(({ session }) => session.destroy()), "unknown noAnswer");
  });

  it("is unknown when the server says goodbye and then breaks the connection", async () => {
    const outcome = await writeAt(({ session, stream }) => {
      session.goaway(0, stream.id ?? 0);
      setImmediate(() => session.destroy());
    });
    assert.equal(outcome, "unknown noAnswer");
  });

  it("is refused, as not sent, when the goodbye names it among those not looked at", async () => {
    const outcome = await writeAt(({ session, stream }) => {
      session.goaway(0, (stream.id ?? 2) - 2);
    });
    assert.equal(outcome, "refused notSent");
  });

  it("is what the server says, when it says it in the only headers", async () => {
    assert.equal(
      await writeAt((call) => {
        endWith(call, 8, "etcdserver: too many requests");
      }),
      "refused overloaded",
    );
  });

  it("is unknown when an answer is cut off, missing, double, or not gRPC", async () => {
    const headers = { ":status": 200, "content-type": "application/grpc" };
    const bodies = [
      Buffer.from([0, 0, 0, 0, 9, 1]),
      Buffer.alloc(0),
      Buffer.alloc(10),
      Buffer.from("<html>"),
    ];
    for (const body of bodies) {
      const outcome = await writeAt(({ stream }) => {
        stream.respond(headers, { waitForTrailers: true });
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
        stream.end(body);
      });
      assert.equal(outcome, "unknown noAnswer");
    }
  });

  it("is unknown when something before etcd answers for it", async () => {
    const outcome = await writeAt(({ stream }) => {
      stream.respond({ ":status": 503 }, { endStream: true });
    });
    assert.equal(outcome, "unknown noAnswer");
  });

  it("is refused, as not sent, where nobody listens, or accepts and says nothing", async () => {
    const mute = createServer((socket) => socket.on("error", () => undefined).resume());
    mute.listen(0, "127.0.0.1");
    await once(mute, "listening");
    const { port } = mute.address() as AddressInfo;
    for (const endpoint of [`http://127.0.0.1:${port}`, "http://127.0.0.1:1"]) {
      await using client = await clientOf(endpoint, { runtime: fastRuntime() });
      assert.equal(said(await client.sendTxn(putOf("/k"))), "refused notSent");
    }
    mute.close();
    await once(mute, "close");
  });

  it("goes over a new connection after a goodbye, while a call under way gets its answer", async () => {
    const held: Call[] = [];
    await using server = await BadServer.start((call) => {
      if (!isWrite(call) || held.length > 0) return false;
      held.push(call);
      call.session.goaway(0, 2 ** 31 - 1);
      return true;
    });
    await using client = await clientOf(server.endpoint);
    const first = client.sendTxn({ when: [], then: [], otherwise: [] });
    while (server.sessions < 2) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(said(await client.sendTxn({ when: [], then: [], otherwise: [] })), "done");
    endWith(held[0]!, 8, "etcdserver: too many requests");
    assert.equal(said(await first), "refused overloaded");
  });
});

describe("a read", () => {
  it("is asked again until there is an answer", async () => {
    let calls = 0;
    await using server = await BadServer.start((call) => {
      if (!isWrite(call)) return false;
      calls += 1;
      if (calls === 1) call.stream.close(NGHTTP2_INTERNAL_ERROR);
      else if (calls === 2) endWith(call, 14, "etcdserver: leader changed");
      else if (calls === 3) endWith(call, 8, "etcdserver: too many requests");
      else if (calls === 4) call.session.destroy();
      else endWith(call, 7, "etcdserver: permission denied");
      return true;
    });
    const runtime = fastRuntime();
    await using client = await clientOf(server.endpoint, { runtime });
    const outcome = await client.read([{ key: "/k" }], within(runtime, 60_000));
    assert.equal(said(outcome), "refused permissionDenied");
    assert.equal(calls, 5);
  });

  it("is unknown when its wait ends and something was sent, else not sent", async () => {
    await using server = await BadServer.start(isWrite);
    const runtime = fastRuntime();
    await using client = await clientOf(server.endpoint, { runtime });
    await client.connected(within(runtime, 60_000));
    const sent = client.read([{ key: "/k" }], within(runtime, 1_000));
    assert.equal(said(await sent), "unknown noAnswer");
    await using nobody = await clientOf("http://127.0.0.1:1", { runtime });
    const notSent = nobody.read([{ key: "/k" }], within(runtime, 1_000));
    assert.equal(said(await notSent), "refused notSent");
  });
});

describe("a server that is not an etcd", () => {
  it("is not used, and the reason names what it may be", async () => {
    await using server = await BadServer.start((call) => {
      if (call.path !== "/etcdserverpb.KV/Txn") return false;
      endWith(call, 2, "unsupported transaction: compare:<>");
      return true;
    });
    await using client = await clientOf(server.endpoint, { runtime: fastRuntime() });
    const outcome = await client.sendTxn(putOf("/k"));
    assert.equal(said(outcome), "refused notSent");
    assert.match(client.status().lastError ?? "", /nested transactions.*kine.*K3s/);
    assert.match(JSON.stringify(outcome), /kine/);
  });
});
