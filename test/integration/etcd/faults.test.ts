import assert from "node:assert/strict";
import { EtcdGateway } from "#test/support/etcd-gateway.ts";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { makeSpace } from "#test/support/etcd-space.ts";
import { TcpProxy } from "#test/support/tcp-proxy.ts";
import type { EtcdClient } from "#etcd/client.ts";
import { clientOf, fastRuntime, loggedRuntime, putOf, said, valueOf, within } from "./client-of.ts";

async function valuesOf(client: EtcdClient, key: string): Promise<string[]> {
  const { ranges } = valueOf(await client.read([{ key }], within(loggedRuntime())));
  return ranges.flatMap(({ keys }) => keys.map((kv) => Buffer.from(kv.value).toString()));
}

describe("an etcd behind a bad network", () => {
  let etcd: EtcdServer;
  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
  });
  after(() => etcd[Symbol.asyncDispose]());

  it("is not written to when nothing could be sent", async () => {
    await using proxy = await TcpProxy.before(etcd.endpoint);
    await proxy.refuse();
    const runtime = fastRuntime();
    await using client = await clientOf(proxy.endpoint, { runtime });
    assert.equal(said(await client.sendTxn(putOf("/not-sent"))), "refused notSent");
    await proxy.heal();
    assert.equal(await client.connected(within(runtime, 60_000)), true);
    assert.equal(said(await client.sendTxn(putOf("/then-sent"))), "done");
    await using direct = await clientOf(etcd.endpoint);
    assert.deepEqual(await valuesOf(direct, "/not-sent"), []);
  });

  it("may have written what has no answer, and once at most", async () => {
    await using proxy = await TcpProxy.before(etcd.endpoint);
    await using direct = await clientOf(etcd.endpoint);
    const runtime = fastRuntime();
    await using client = await clientOf(proxy.endpoint, { runtime });
    await client.connected(within(runtime, 60_000));
    proxy.cutAnswers();
    assert.equal(said(await client.sendTxn(putOf("/lost-answer", "x"))), "unknown noAnswer");
    assert.deepEqual(await valuesOf(direct, "/lost-answer"), ["x"]);
    const { ranges } = valueOf(
      await direct.read([{ key: "/lost-answer" }], within(loggedRuntime())),
    );
    const [kv] = ranges[0]!.keys;
    assert.equal(kv!.createRevision, kv!.modRevision);
  });

  it("is written to again after a silent connection, by a new one", async () => {
    await using proxy = await TcpProxy.before(etcd.endpoint);
    const runtime = fastRuntime();
    await using client = await clientOf(proxy.endpoint, { runtime });
    await client.connected(within(runtime, 60_000));
    proxy.cutRequests();
    assert.equal(said(await client.sendTxn(putOf("/silent"))), "unknown noAnswer");
    await proxy.heal();
    valueOf(await client.read([{ key: "/silent" }], within(runtime, 60_000)));
    assert.equal(said(await client.sendTxn(putOf("/silent"))), "done");
  });

  it("keeps the connection when it was only slow, and the answer counts", async () => {
    await using proxy = await TcpProxy.before(etcd.endpoint);
    const runtime = loggedRuntime();
    await using client = await clientOf(proxy.endpoint, { runtime });
    await client.connected(within(runtime));
    const held = proxy.arrival("answers");
    proxy.hold("answers");
    const write = client.sendTxn(putOf("/slow"));
    await held;
    await proxy.heal();
    assert.equal(said(await write), "done");
    assert.equal(proxy.connections, 1);
  });

  it("answers reads through resets, within their wait", async () => {
    await using proxy = await TcpProxy.before(etcd.endpoint);
    const runtime = loggedRuntime();
    await using client = await clientOf(proxy.endpoint, { runtime });
    for (let n = 0; n < 6; n++) {
      const read = client.read([{ key: "/any" }], within(runtime));
      await proxy.arrival("requests");
      proxy.reset();
      assert.equal(said(await read), "done");
    }
  });

  it("carries answers above 4 MiB, and many at once", async () => {
    await using client = await clientOf(etcd.endpoint);
    const runtime = loggedRuntime();
    const value = "v".repeat(700_000);
    for (let n = 0; n < 12; n++) valueOf(await client.sendTxn(putOf(`/big/${n}`, value)));
    const reads = Array.from({ length: 4 }, () =>
      client.read([{ key: "/big/", end: "/big0" }], within(runtime)),
    );
    for (const outcome of await Promise.all(reads)) {
      const [range] = valueOf(outcome).ranges;
      assert.equal(range!.count, 12);
      assert.ok(range!.keys.every((kv) => kv.value.length === value.length));
    }
  });

  it("refuses what is too large, and says so", async () => {
    await using client = await clientOf(etcd.endpoint);
    const outcome = await client.sendTxn(putOf("/huge", "v".repeat(1_700_000)));
    assert.equal(said(outcome), "refused invalidArgument");
  });
});

describe("an etcd that comes and goes", () => {
  it("may start after its client, end, and start again", async () => {
    await using etcd = await EtcdServer.start({ noFsync: true });
    await etcd.stop();
    const runtime = loggedRuntime();
    await using client = await clientOf(etcd.endpoint, { runtime });
    assert.equal(said(await client.sendTxn(putOf("/k", "1"))), "refused notSent");
    const early = client.read([{ key: "/k" }], within(runtime, 20_000));
    await etcd.startAll();
    assert.equal(valueOf(await early).ranges[0]!.count, 0);
    assert.equal(client.status().lastError, undefined);
    await etcd.restart();
    assert.deepEqual(await valuesOf(client, "/k"), []);
    assert.equal(said(await client.sendTxn(putOf("/k", "2"))), "done");
  });

  it("is left for another endpoint when it stands still, and what works is kept", async () => {
    await using etcd = await EtcdServer.start({ noFsync: true, members: 3 });
    const runtime = loggedRuntime();
    await using client = await clientOf(etcd.endpoints, { runtime });
    valueOf(await client.read([{ key: "/k" }], within(runtime)));
    const first = etcd.members.findIndex(({ endpoint }) => endpoint === client.status().endpoint);
    await etcd.member(first).pause();
    valueOf(await client.read([{ key: "/k" }], within(runtime, 20_000)));
    const second = client.status().endpoint;
    assert.notEqual(second, etcd.member(first).endpoint);
    etcd.member(first).resume();
    valueOf(await client.read([{ key: "/k" }], within(runtime)));
    assert.equal(client.status().endpoint, second);
  });

  it("tells of its size, its quota and its alarms", async () => {
    await using etcd = await EtcdServer.start({ noFsync: true, quotaBytes: 2 * 1024 * 1024 });
    const runtime = fastRuntime(20);
    await using client = await clientOf(etcd.endpoint, { runtime });
    let last = "";
    for (let n = 0; last !== "refused noSpace"; n++) {
      last = said(await client.sendTxn(putOf(`/fill/${n}`, "v".repeat(300_000))));
      assert.ok(n < 100, "never full");
    }
    const del = { when: [], then: [{ kind: "delete", key: "/fill/0" }], otherwise: [] } as const;
    assert.equal(said(await client.sendTxn(del)), "done");
    const member = () => client.status().members[0]!;
    while (member().problems.length === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.match(member().problems.join(), /NOSPACE/);
    assert.equal(member().quotaBytes, 2 * 1024 * 1024);
    assert.ok((member().dbSizeBytes ?? 0) > 1024 * 1024);
  });
});

for (const version of ["3.7", "3.6"] as const)
  it(`an etcd ${version} that gets full: what is told as refused is not there, what is told as done is`, async function () {
    this.timeout(60_000);
    await using etcd = await EtcdServer.start({
      noFsync: true,
      version,
      quotaBytes: 4 * 1024 * 1024,
    });
    await using client = await clientOf(etcd.endpoint);
    const raw = new EtcdGateway(etcd.endpoint);
    // Of writes that are under way together when it gets full, some are carried out and answered as one that is not.
    for (let round = 0; round < 3; round++) {
      const told = new Map<string, string>();
      const write = async (name: string): Promise<void> => {
        told.set(name, said(await client.sendTxn(putOf(name, "v".repeat(100_000)))));
      };
      for (let n = 0; ![...told.values()].includes("refused noSpace"); n++) {
        assert.ok(n < 100, "never full");
        await Promise.all(Array.from({ length: 8 }, (_, at) => write(`/full/${n}-${at}`)));
      }
      const there = new Set((await raw.under("/full/")).map(({ key }) => key));
      for (const [name, how] of told)
        if (how !== "unknown noAnswer")
          assert.equal(how === "done", there.has(name), `${name}: ${how}`);
      await raw.deleteUnder("/full/");
      await makeSpace([raw]);
    }
  });
