/** Waits and grants as event streams, over a real sidecar on a real etcd. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, it } from "mocha";
import { EtcdServer } from "../support/etcd-server.ts";
import { EventStream } from "../support/event-stream.ts";
import { acquire, grantOf, hold, holdersOf, queued, release } from "../support/lock-calls.ts";
import { eventually } from "../support/poll.ts";
import { metricOf } from "../support/exposition.ts";
import { brief, mutex, SidecarProcess } from "../support/sidecar-process.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

const opens = (sidecar: SidecarProcess, lock: string, query = ""): Promise<EventStream> =>
  EventStream.open(sidecar.api, "POST", `/v1/locks/${lock}/acquire${query}`);
const joins = (sidecar: SidecarProcess, id: string): Promise<EventStream> =>
  EventStream.open(sidecar.api, "GET", `/v1/grants/${id}/events`);

describe("the events of a grant", function () {
  this.timeout(60_000);
  let etcd: EtcdServer;
  let sidecar: SidecarProcess;
  let other: SidecarProcess;

  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
    const resources = [mutex("orders"), mutex("bounded", "maxHold: 1s")];
    const start = (pod: string) => SidecarProcess.start({ etcd: etcd.endpoint, resources, pod });
    [sidecar, other] = await Promise.all([start("pod-a"), start("pod-b")]);
  });

  after(async () => {
    await Promise.all([sidecar[Symbol.asyncDispose](), other[Symbol.asyncDispose]()]);
    await etcd[Symbol.asyncDispose]();
  });

  it("begin with the grant where nobody else holds the lock, and end with its release", async () => {
    await using stream = await opens(sidecar, "orders/free", "?ttl=1m");
    const { grantId } = await stream.next("granted");
    assert.equal((await sidecar.api.delete(`/v1/grants/${String(grantId)}`)).status, 204);
    assert.equal((await stream.next("released"))["grantId"], grantId);
    assert.equal(await stream.over, "ended");
  });

  it("tell who waits at which place he stands, and again when that has changed", async () => {
    const held = await hold(sidecar, "orders/queue");
    await using first = await opens(sidecar, "orders/queue", "?wait=1m&hold=connection");
    assert.equal((await first.next("waiting"))["place"], 1);
    await using second = await opens(other, "orders/queue", "?wait=1m&hold=connection");
    // Who stands behind a place of another sidecar is told when that rewrites it.
    await second.until("waiting", ({ place }) => place === 2);
    await using third = await opens(other, "orders/queue", "?wait=1m&hold=connection");
    await third.until("waiting", ({ place }) => place === 3);
    first.close();
    await second.until("waiting", ({ place }) => place === 1);
    await third.until("waiting", ({ place }) => place === 2);
    await release(sidecar, held);
    await second.until("granted");
    second.close();
    await third.until("granted");
  });

  it("are none where the lock is held and nobody waits: that is a plain problem", async () => {
    const held = await hold(sidecar, "orders/held");
    const headers = { Accept: "text/event-stream" };
    const answer = await sidecar.api.post("/v1/locks/orders/held/acquire", { headers });
    assert.equal(answer.status, 423);
    await release(sidecar, held);
  });

  it("end with the problem where the wait is over", async () => {
    const held = await hold(sidecar, "orders/late");
    await using stream = await opens(sidecar, "orders/late", "?wait=300ms");
    await stream.next("waiting");
    assert.equal((await stream.next("problem"))["code"], "lock_held");
    assert.equal(await stream.over, "ended");
    await release(sidecar, held);
  });

  it("tell of a ttl that ran out, and for how long nobody else is granted the lock", async () => {
    await using stream = await opens(sidecar, "orders/ttl", "?ttl=300ms");
    await stream.next("granted");
    const lost = await stream.next("lost");
    assert.equal(lost["reason"], "expired");
    assert.equal(await stream.over, "ended");
  });

  it("tell of a grant that was held for as long as may be", async () => {
    await using stream = await opens(sidecar, "bounded/1", "?hold=session");
    await stream.next("granted");
    assert.equal((await stream.next("lost"))["reason"], "maxHold");
  });

  it("can be joined later, by as many as like, and to leave them ends nothing", async () => {
    const held = await hold(sidecar, "orders/joined");
    await using one = await joins(sidecar, held.id);
    await using two = await joins(sidecar, held.id);
    assert.equal((await one.next("granted"))["grantId"], held.id);
    await two.next("granted");
    one.close();
    await one.over;
    assert.equal((await grantOf(sidecar, held)).status, 200);
    await release(sidecar, held);
    await two.next("released");
    assert.equal((await sidecar.api.get(`/v1/grants/${held.id}/events`)).status, 409);
  });

  describe("with hold: connection", () => {
    it("need a stream", async () => {
      const plain = await acquire(sidecar, "orders/plain", { hold: "connection" });
      assert.equal(plain.status, 400);
      assert.equal(plain.body["field"], "hold");
    });

    it("have no ttl, and nothing that renews one", async () => {
      const headers = { Accept: "text/event-stream" };
      const path = "/v1/locks/orders/none/acquire?hold=connection&ttl=1m";
      assert.equal((await sidecar.api.post(path, { headers })).body["field"], "ttl");
      await using stream = await opens(sidecar, "orders/none", "?hold=connection");
      const { grantId, ttl, expiresIn } = await stream.next("granted");
      assert.deepEqual([ttl, expiresIn], [undefined, undefined]);
      const renewed = await sidecar.api.post(`/v1/grants/${String(grantId)}/renew?ttl=1m`);
      assert.equal(renewed.body["field"], "ttl");
    });

    it("are the grant's life: to close them is its release", async () => {
      await using stream = await opens(sidecar, "orders/tied", "?hold=connection");
      const { grantId } = await stream.next("granted");
      const next = hold(other, "orders/tied", { wait: "30s" });
      await queued(other, "orders/tied", 1);
      stream.close();
      await release(other, await next);
      const over = await sidecar.api.get(`/v1/grants/${String(grantId)}`);
      assert.equal(over.body["reason"], "released");
    });

    it("are the wait's life, too", async () => {
      const held = await hold(sidecar, "orders/left");
      await using stream = await opens(other, "orders/left", "?hold=connection&wait=1m");
      await stream.next("waiting");
      await queued(sidecar, "orders/left", 1);
      stream.close();
      await queued(sidecar, "orders/left", 0);
      await release(sidecar, held);
      assert.deepEqual(await holdersOf(sidecar, "orders/left"), []);
    });

    it("are shared by requests of one id: the last that is closed is the release", async () => {
      const query = "?hold=connection&requestId=twice";
      await using one = await opens(sidecar, "orders/twice", query);
      const { grantId } = await one.next("granted");
      await using two = await opens(sidecar, "orders/twice", query);
      assert.equal((await two.next("granted"))["grantId"], grantId);
      const plain = await acquire(sidecar, "orders/twice", { requestId: "twice" });
      assert.equal(plain.body["field"], "requestId");
      one.close();
      await one.over;
      const path = `/v1/grants/${String(grantId)}`;
      assert.equal((await sidecar.api.get(path)).status, 200);
      two.close();
      await eventually("the release", async () => (await sidecar.api.get(path)).status === 409);
    });
  });

  it("that nobody reads end with why; what lived by them is over, and free when what was stated is", async () => {
    await using one = await opens(sidecar, "orders/counted");
    await one.next("granted");
    const openStreams = () => metricOf(sidecar, "holdfast_http_streams");
    await eventually("the end of others", async () => (await openStreams()) === 1);
    const { host, port } = sidecar.api;
    const socket = connect({ host, port });
    socket.pause();
    // The contract fills the socket, and what comes behind it is not read either.
    const rest = "HTTP/1.1\r\nHost: localhost\r\n";
    const filling = `GET /openapi.json ${rest}\r\n`.repeat(99);
    const acquiring = `POST /v1/locks/orders/unread/acquire?hold=connection ${rest}Accept: text/event-stream\r\n\r\n`;
    socket.write(filling + acquiring);
    await eventually("the end of the stream", async () => {
      return (await metricOf(sidecar, "holdfast_http_streams_slow_total")) === 1;
    });
    const freeAt = performance.now();
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString())).resume();
    const next = await hold(other, "orders/unread", { wait: "1m" });
    assert.match(text, /event: granted[^]*event: lost\ndata: .*"reason":"slow"[^]*0\r\n\r\n$/);
    const [, seconds] = /"reason":"slow".*"guaranteedFor":"([\d.]+)s"/.exec(text) ?? [];
    assert.ok(next.answeredAt - freeAt > 1_000 * Number(seconds) - 1_000, "it was free too early");
    assert.equal(await metricOf(sidecar, 'holdfast_lock_slow_total{pool="orders"}'), 1);
    assert.equal(await openStreams(), 1);
    socket.destroy();
    await release(other, next);
  });

  it("tell of jeopardy, of the way back, and of the loss, when etcd does not answer", async () => {
    await using proxy = await TcpProxy.before(etcd.endpoint);
    const resources = [mutex("orders")];
    await using cut = await SidecarProcess.start({
      ...{ etcd: proxy.endpoint, resources },
      sessionTtl: brief,
    });
    await using stream = await opens(cut, "orders/jeopardy", "?hold=connection");
    const { grantId } = await stream.next("granted");
    proxy.cutAnswers();
    const { deadline, deadlineIn } = await stream.next("jeopardy");
    assert.match(String(deadlineIn), /^\d/);
    assert.ok(Date.parse(String(deadline)) > Date.now() - 3_000);
    await using late = await joins(cut, String(grantId));
    await late.next("granted");
    await late.next("jeopardy");
    await proxy.heal();
    await stream.next("recovered");
    await late.next("recovered");
    proxy.cutAnswers();
    await stream.next("jeopardy");
    const lost = await stream.next("lost");
    assert.equal(lost["reason"], "sessionLost");
    assert.equal(await stream.over, "ended");
    await proxy.heal();
  });

  it("end with an event when the sidecar shuts down", async () => {
    const resources = [mutex("orders")];
    await using ending = await SidecarProcess.start({ etcd: etcd.endpoint, resources });
    const held = await hold(ending, "orders/ending-first");
    await using tied = await opens(ending, "orders/ending", "?hold=connection");
    await tied.next("granted");
    await using joined = await joins(ending, held.id);
    await joined.next("granted");
    await using waits = await opens(ending, "orders/ending", "?wait=1m");
    await waits.next("waiting");
    await using looks = await EventStream.open(ending.api, "GET", "/v1/locks/orders/ending/events");
    await looks.next("holder");
    const terminated = ending.terminate();
    assert.equal((await tied.next("lost"))["reason"], "drained");
    assert.equal((await joined.next("lost"))["reason"], "drained");
    assert.equal((await waits.next("problem"))["code"], "draining");
    assert.equal((await looks.until("problem"))["data"]["code"], "draining");
    for (const stream of [tied, joined, waits, looks]) assert.equal(await stream.over, "ended");
    await terminated;
  });
});
