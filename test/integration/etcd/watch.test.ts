import assert from "node:assert/strict";
import { sleep } from "#core/runtime.ts";
import { type Changes, prefixRange, revision } from "#core/store.ts";
import { type ResponseHeader, WatchRequest, WatchResponse } from "#etcd/codec/etcdserverpb/rpc.ts";
import type { Event } from "#etcd/codec/mvccpb/kv.ts";
import type { EtcdClient } from "#etcd/client.ts";
import { frame } from "#etcd/http2/message.ts";
import { methods } from "#etcd/methods.ts";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { TcpProxy } from "#test/support/tcp-proxy.ts";
import { BadServer, type Call } from "./bad-server.ts";
import { clientOf, fastRuntime, loggedRuntime, putOf, said, valueOf, within } from "./client-of.ts";

const everything = prefixRange("/w/");

/** Watches until `enough` says so. */
async function collect(
  client: EtcdClient,
  from: bigint,
  enough: (changes: Changes, keys: readonly string[]) => boolean,
): Promise<string[]> {
  const keys: string[] = [];
  const done = new AbortController();
  for await (const changes of client.watch(everything, revision(from), done.signal)) {
    if (changes.kind === "changes") {
      for (const event of changes.events) {
        keys.push(event.kind === "put" ? event.now.key : `-${event.key}`);
      }
    }
    if (enough(changes, keys)) break;
  }
  return keys;
}

async function revisionNow(client: EtcdClient): Promise<bigint> {
  const runtime = loggedRuntime();
  return valueOf(await client.read([{ key: "/any" }], within(runtime))).revision;
}

/** As a member of the same cluster would tell it now. */
async function headerOf(client: EtcdClient): Promise<ResponseHeader> {
  const { caller } = client;
  const reached = await caller.ask(methods.status, {}, caller.forWrites);
  assert.ok(reached.kind === "answered" && reached.value.header !== undefined);
  return reached.value.header;
}

/** Puts so many keys, by whatever client, each for certain; gives back their names. */
async function write(
  client: EtcdClient,
  name: string,
  { count = 3, value = "x" } = {},
): Promise<string[]> {
  const keys = Array.from({ length: count }, (_, n) => `/w/${name}/${n}`);
  for (const key of keys) valueOf(await client.sendTxn(putOf(key, value)));
  return keys;
}

describe("a watch on a real etcd", () => {
  let etcd: EtcdServer;
  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
  });
  after(() => etcd[Symbol.asyncDispose]());

  it("tells all from its revision on, puts and deletes, in order", async () => {
    await using direct = await clientOf(etcd.endpoint);
    const from = (await revisionNow(direct)) + 1n;
    await write(direct, "order");
    const both = putOf("/w/order/0");
    valueOf(
      await direct.sendTxn({
        ...both,
        then: [...both.then, { kind: "delete", key: "/w/order/1" }],
      }),
    );
    const keys = await collect(direct, from, (_, seen) => seen.length === 5);
    assert.deepEqual(
      keys,
      [0, 1, 2].map((n) => `/w/order/${n}`).concat("/w/order/0", "-/w/order/1"),
    );
  });

  it("loses nothing and repeats nothing while its connection is reset again and again", async () => {
    await using direct = await clientOf(etcd.endpoint);
    await using proxy = await TcpProxy.before(etcd.endpoint);
    const runtime = fastRuntime(20);
    await using client = await clientOf(proxy.endpoint, { runtime });
    const from = (await revisionNow(direct)) + 1n;
    const count = 400;
    const watchers = [1, 2, 3].map(() => collect(client, from, (_, seen) => seen.length >= count));
    let writing = true;
    const resets = (async () => {
      while (writing) {
        await proxy.arrival("answers");
        await new Promise((resolve) => setImmediate(resolve));
        if (Math.random() < 0.1) proxy.reset();
      }
    })();
    const keys = await write(direct, "resets", { count });
    writing = false;
    for (const seen of await Promise.all(watchers)) assert.deepEqual(seen, keys);
    proxy.reset();
    valueOf(await client.read([{ key: "/any" }], within(runtime, 60_000)));
    await resets;
  });

  it("goes on after etcd was killed and started again", async () => {
    await using own = await EtcdServer.start({});
    await using client = await clientOf(own.endpoint);
    await using writer = await clientOf(own.endpoint);
    const seen = collect(client, 1n, (_, keys) => keys.length >= 20);
    const before = await write(writer, "before", { count: 10 });
    await own.kill();
    await own.startAll();
    await writer.connected(within(loggedRuntime()));
    const later = await write(writer, "after", { count: 10 });
    assert.deepEqual(await seen, [...before, ...later]);
  });

  it("keeps its connection on an etcd that nobody writes to, where no progress is ever told", async () => {
    await using own = await EtcdServer.start({ noFsync: true });
    const runtime = fastRuntime(20);
    await using client = await clientOf(own.endpoint, { runtime });
    await using direct = await clientOf(own.endpoint);
    const from = (await revisionNow(direct)) + 1n;
    const stop = new AbortController();
    const watching = (async () => {
      for await (const changes of client.watch(everything, revision(from), stop.signal)) {
        if (changes.kind === "changes") return;
      }
    })();
    await sleep(runtime, 40_000);
    const doubts = runtime.lines.filter((line) => /doubtful|not connected/.test(line));
    assert.deepEqual(doubts, []);
    await write(direct, "idle", { count: 1 });
    await watching;
    stop.abort();
  });

  it("tells a gap, and ends, where its revisions were compacted", async () => {
    await using direct = await clientOf(etcd.endpoint);
    const from = (await revisionNow(direct)) + 1n;
    await write(direct, "compacted", { count: 10 });
    const at = await revisionNow(direct);
    const { caller } = direct;
    const compacted = await caller.ask(
      methods.compact,
      { revision: at, physical: false },
      caller.forWrites,
    );
    assert.equal(compacted.kind, "answered");
    const told: Changes[] = [];
    for await (const changes of direct.watch(
      everything,
      revision(from),
      new AbortController().signal,
    )) {
      told.push(changes);
    }
    assert.deepEqual(told, [{ kind: "gap", compacted: at }]);
  });

  it("takes answers above 4 MiB in fragments, each revision whole", async () => {
    await using direct = await clientOf(etcd.endpoint);
    const from = (await revisionNow(direct)) + 1n;
    const keys = await write(direct, "large", { count: 12, value: "v".repeat(700_000) });
    const seen = await collect(direct, from, (_, all) => all.length >= keys.length);
    assert.deepEqual(seen, keys);
  });

  it("waits for a slow consumer, and then goes on without a hole", async () => {
    await using direct = await clientOf(etcd.endpoint);
    const from = (await revisionNow(direct)) + 1n;
    const value = "v".repeat(600_000);
    const signal = new AbortController().signal;
    const seen: string[] = [];
    let written: string[] = [];
    for await (const changes of direct.watch(everything, revision(from - 1n), signal)) {
      if (changes.kind !== "changes") continue;
      seen.push(...changes.events.map((event) => (event.kind === "put" ? event.now.key : "")));
      // 36 MB arrive while nothing is fetched: more than may wait here.
      if (written.length === 0) written = await write(direct, "slow", { count: 60, value });
      if (seen.at(-1) === written.at(-1)) break;
    }
    assert.deepEqual(seen.slice(-written.length), written);
    assert.equal(new Set(seen).size, seen.length);
  });

  it("is taken off the server while its consumer fetches nothing, and put back later", async () => {
    const creates: bigint[] = [];
    let cancels = 0;
    await using server = await BadServer.start((call) => {
      if (call.path !== "/etcdserverpb.Watch/Watch") return false;
      const { requestUnion } = WatchRequest.decode(call.message);
      if (requestUnion?.$case === "cancelRequest") cancels += 1;
      if (requestUnion?.$case !== "createRequest") return true;
      const { watchId, startRevision } = requestUnion.value;
      creates.push(startRevision);
      if (creates.length === 1) call.stream.respond({ ":status": 200 });
      tell(call, { header: anyHeader, watchId, created: true });
      // Without an end, until it is cancelled.
      let next = startRevision;
      const more = () => {
        for (; cancels < creates.length && next < startRevision + 200n; next += 1n) {
          tell(call, { header: anyHeader, watchId, created: false, events: [largeEvent(next)] });
        }
      };
      more();
      return true;
    });
    await using client = await clientOf(server.endpoint);
    const seen: bigint[] = [];
    for await (const changes of client.watch(
      everything,
      revision(2),
      new AbortController().signal,
    )) {
      assert.equal(changes.kind, "changes");
      while (cancels === 0) await new Promise((resolve) => setImmediate(resolve));
      if (changes.kind === "changes") seen.push(changes.at.revision);
      if (creates.length === 2) break;
    }
    assert.deepEqual(
      seen,
      seen.map((_, at) => BigInt(at + 2)),
    );
    assert.ok(seen.length < 200, `${seen.length} waited at once`);
    assert.equal(creates[1], BigInt(seen.length + 1));
  });

  it("tells progress while nothing happens", async () => {
    await using direct = await clientOf(etcd.endpoint);
    const runtime = fastRuntime(20);
    await using client = await clientOf(etcd.endpoint, { runtime });
    const quiet = prefixRange("/quiet/");
    const from = revision((await revisionNow(direct)) + 1n);
    await write(direct, "elsewhere");
    for await (const changes of client.watch(quiet, from, new AbortController().signal)) {
      assert.equal(changes.kind, "progress");
      if (changes.kind === "progress" && changes.at.revision >= from + 2n) break;
    }
  });

  it("ends when its signal aborts, also while etcd is away", async () => {
    await using direct = await clientOf(etcd.endpoint);
    const from = revision((await revisionNow(direct)) + 1n);
    await write(direct, "abort");
    const stop = new AbortController();
    await using away = await clientOf("http://127.0.0.1:1");
    const ends = [direct, away].map(async (client) => {
      for await (const changes of client.watch(everything, from, stop.signal)) {
        if (changes.kind === "changes") stop.abort(new Error("enough"));
      }
    });
    await Promise.all(ends);
  });
});

describe("a watch on a member that is not to be believed", () => {
  it("goes on at another when it stays behind what is known", async () => {
    await using etcd = await EtcdServer.start({ noFsync: true });
    await using direct = await clientOf(etcd.endpoint);
    const keys = await write(direct, "known");
    const header = await headerOf(direct);
    // From before the first of the three: of them it knows nothing.
    const old = { ...header, revision: 1n };
    const streams: Call[] = [];
    // Lets clients in with the newest revision, and then tells a watch of an old one, for ever.
    await using stale = await BadServer.start((call) => {
      if (call.path !== "/etcdserverpb.Watch/Watch") return false;
      const { requestUnion } = WatchRequest.decode(call.message);
      if (requestUnion?.$case === "createRequest")
        tellCreated(call, old, requestUnion.value.watchId);
      else if (requestUnion?.$case === "progressRequest")
        tell(call, { header: old, watchId: -1n, created: false });
      if (streams.push(call) > 1_000) throw new Error("asked without end");
      return true;
    }, header);
    const runtime = fastRuntime(20);
    await using client = await clientOf([stale.endpoint, etcd.endpoint], { runtime });
    assert.deepEqual(await collect(client, 2n, (_, seen) => seen.length === keys.length), keys);
    assert.equal(client.status().endpoint, etcd.endpoint);
    assert.match(runtime.lines.join("\n"), /stays behind revision/);
  });

  it("goes on at another when nothing is heard of it", async () => {
    await using etcd = await EtcdServer.start({ noFsync: true });
    await using direct = await clientOf(etcd.endpoint);
    const keys = await write(direct, "heard");
    await using mute = await BadServer.start(
      ({ path }) => path === "/etcdserverpb.Watch/Watch",
      await headerOf(direct),
    );
    const runtime = fastRuntime(20);
    await using client = await clientOf([mute.endpoint, etcd.endpoint], { runtime });
    assert.deepEqual(await collect(client, 1n, (_, seen) => seen.length === keys.length), keys);
    assert.match(runtime.lines.join("\n"), /nothing was heard of a watch/);
  });

  it("goes on after the quorum was lost and found", async () => {
    await using etcd = await EtcdServer.start({ noFsync: true, members: 3 });
    const [one, ...others] = etcd.members;
    const runtime = loggedRuntime();
    await using client = await clientOf(one!.endpoint, { runtime });
    const first = await write(client, "first");
    const seen = collect(client, 2n, (_, keys) => keys.length >= 6);
    await Promise.all(others.map((member) => member.pause()));
    const lost = await client.sendTxn(putOf("/elsewhere"));
    assert.match(said(lost), /^unknown|notSent/);
    for (const member of others) member.resume();
    while (said(await client.sendTxn(putOf("/elsewhere"))) !== "done");
    const later = await write(client, "later");
    assert.deepEqual(await seen, [...first, ...later]);
  });

  it("is read again when history began anew", async () => {
    await using etcd = await EtcdServer.start({ noFsync: true });
    await using client = await clientOf(etcd.endpoint);
    await write(client, "old", { count: 20 });
    const gap = new Promise<Changes>((resolve, reject) => {
      void (async () => {
        for await (const changes of client.watch(
          everything,
          revision(1),
          new AbortController().signal,
        )) {
          if (changes.kind === "gap") resolve(changes);
        }
      })().catch(reject);
    });
    await etcd.kill();
    await etcd.wipe({ sameCluster: true });
    await etcd.startAll();
    assert.equal((await gap).kind, "gap");
    assert.equal(said(await client.sendTxn(putOf("/w/new"))), "done");
  });
});

function tellCreated(call: Call, header: ResponseHeader, watchId: bigint): void {
  call.stream.respond({ ":status": 200, "content-type": "application/grpc" });
  tell(call, { header, watchId, created: true });
}

const anyHeader: ResponseHeader = { clusterId: 77n, memberId: 1n, revision: 5n, raftTerm: 1n };

function largeEvent(at: bigint): Event {
  const value = new Uint8Array(256 * 1024);
  const kv = { key: "/w/k", createRevision: 2n, modRevision: at, version: 1n, value, lease: 0n };
  return { type: 0, kv, prevKv: undefined };
}

type Said = Pick<WatchResponse, "header" | "watchId" | "created"> & { readonly events?: Event[] };

function tell({ stream }: Call, said: Said): void {
  const response: WatchResponse = {
    ...{ canceled: false, compactRevision: 0n, cancelReason: "", fragment: false, events: [] },
    ...said,
  };
  stream.write(frame(WatchResponse.encode(response).finish()));
}
