import assert from "node:assert/strict";
import type { Beat, LeaseId } from "#core/store.ts";
import type { EtcdClient } from "#etcd/client.ts";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { TcpProxy } from "#test/support/tcp-proxy.ts";
import { clientOf, fastRuntime, loggedRuntime, never, said, valueOf, within } from "./client-of.ts";

const ttlMs = 60_000;

async function grant(client: EtcdClient): Promise<LeaseId> {
  const granted = valueOf(await client.leases.grant(ttlMs, within(loggedRuntime())));
  assert.equal(granted.ttlMs, ttlMs);
  return granted.lease;
}

describe("leases on a real etcd", () => {
  let etcd: EtcdServer;
  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
  });
  after(() => etcd[Symbol.asyncDispose]());

  it("hold keys, tell them, and take them along", async () => {
    const runtime = loggedRuntime();
    await using client = await clientOf(etcd.endpoint, { runtime });
    const lease = await grant(client);
    const put = (key: string) =>
      ({ kind: "putEphemeral", key, value: new Uint8Array(), lease }) as const;
    valueOf(await client.sendTxn({ when: [], then: [put("/l/a"), put("/l/b")], otherwise: [] }));
    const keys = valueOf(await client.leases.keys(lease, within(runtime)));
    assert.deepEqual([...(keys ?? [])].sort(), ["/l/a", "/l/b"]);
    assert.equal(valueOf(await client.leases.revoke(lease, within(runtime))), "revoked");
    assert.equal(valueOf(await client.leases.revoke(lease, within(runtime))), "gone");
    assert.equal(valueOf(await client.leases.keys(lease, within(runtime))), undefined);
    const late = await client.sendTxn({ when: [], then: [put("/l/a")], otherwise: [] });
    assert.equal(said(late), "refused leaseNotFound");
  });

  it("are told to be gone when they are", async () => {
    const runtime = loggedRuntime();
    await using client = await clientOf(etcd.endpoint, { runtime });
    const lease = await grant(client);
    const kinds: string[] = [];
    for await (const beat of client.leases.keepAlive(lease, 20, never)) {
      kinds.push(beat.kind);
      if (kinds.length === 3) await client.leases.revoke(lease, within(runtime));
    }
    assert.deepEqual(kinds.slice(0, 3), ["alive", "alive", "alive"]);
    assert.equal(kinds.at(-1), "gone");
  });

  it("count from when the answered beat was sent, however late its answer comes", async () => {
    await using proxy = await TcpProxy.before(etcd.endpoint);
    const runtime = loggedRuntime();
    await using client = await clientOf(proxy.endpoint, { runtime });
    const lease = await grant(client);
    const beats = client.leases.keepAlive(lease, 200, never)[Symbol.asyncIterator]();
    await beats.next();
    proxy.hold("answers");
    // The next beat, and one or more after it, are sent and answered, and the answers wait.
    await proxy.arrival("answers");
    const arrivedAt = runtime.now();
    await proxy.arrival("answers");
    assert.ok(runtime.now() - arrivedAt > 0);
    await proxy.heal();
    const healedAt = runtime.now();
    const { value } = (await beats.next()) as { value: Beat };
    assert.equal(value.kind, "alive");
    const sentAt = value.kind === "alive" ? value.sentAt : healedAt;
    assert.ok(sentAt <= healedAt);
    await beats.return?.();
  });

  it("go on over another endpoint when a beat is not answered, and no lost answer is believed", async () => {
    await using first = await TcpProxy.before(etcd.endpoint);
    const runtime = fastRuntime();
    await using client = await clientOf([first.endpoint, etcd.endpoint], { runtime });
    await client.connected(within(runtime, 60_000));
    const lease = valueOf(await client.leases.grant(ttlMs, within(runtime, 60_000))).lease;
    let cutAt: number | undefined;
    for await (const beat of client.leases.keepAlive(lease, 2_000, never)) {
      assert.equal(beat.kind, "alive");
      if (cutAt === undefined) {
        first.cutAnswers();
        cutAt = runtime.now();
      } else if (beat.kind === "alive") {
        assert.ok(beat.sentAt >= cutAt);
        break;
      }
    }
    assert.equal(client.status().endpoint, etcd.endpoint);
    assert.match(runtime.lines.join("\n"), /a keepalive got no answer in time/);
  });

  it("are kept alive through an etcd that restarts", async () => {
    await using own = await EtcdServer.start({});
    await using client = await clientOf(own.endpoint);
    const lease = await grant(client);
    let beats = 0;
    for await (const beat of client.leases.keepAlive(lease, 100, never)) {
      assert.equal(beat.kind, "alive");
      beats += 1;
      if (beats === 2) await own.restart();
      if (beats === 5) break;
    }
  });

  it("beat whether their answers are fetched or not", async () => {
    const runtime = loggedRuntime();
    await using proxy = await TcpProxy.before(etcd.endpoint);
    await using client = await clientOf(proxy.endpoint, { runtime });
    const lease = await grant(client);
    for await (const beat of client.leases.keepAlive(lease, 50, never)) {
      assert.equal(beat.kind, "alive");
      for (let n = 0; n < 3; n++) await proxy.arrival("answers");
      break;
    }
  });
});
