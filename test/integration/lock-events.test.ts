/** Who holds a lock, as observers are told: over real sidecars on a real etcd. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { EtcdServer } from "../support/etcd-server.ts";
import { EventStream } from "../support/event-stream.ts";
import { HttpClient } from "../support/http-client.ts";
import { hold, release } from "../support/lock-calls.ts";
import { eventually } from "../support/poll.ts";
import { brief, mutex, pool, SidecarProcess } from "../support/sidecar-process.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

const looksOn = (sidecar: SidecarProcess, lock: string): Promise<EventStream> =>
  EventStream.open(sidecar.api, "GET", `/v1/locks/${lock}/events`);

interface Holder {
  readonly holder: string;
  readonly pod: string;
  readonly fence: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

async function holders(stream: EventStream): Promise<Holder[]> {
  return (await stream.next("holder"))["holders"] as Holder[];
}

describe("the events of a lock", function () {
  this.timeout(60_000);
  let etcd: EtcdServer;
  let holding: SidecarProcess;
  let looking: SidecarProcess;

  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
    const resources = [mutex("leaders"), pool("permits", "mode: Semaphore, permits: 2")];
    const start = (pod: string) => SidecarProcess.start({ etcd: etcd.endpoint, resources, pod });
    [holding, looking] = await Promise.all([start("pod-a"), start("pod-b")]);
  });

  after(async () => {
    await Promise.all([holding[Symbol.asyncDispose](), looking[Symbol.asyncDispose]()]);
    await etcd[Symbol.asyncDispose]();
  });

  // The first: no watch of another test is still about to end.
  it("share one watch, which ends with the last of them", async () => {
    const watchers = async (): Promise<number> => {
      const { text } = await new HttpClient(new URL(etcd.endpoint).host).get("/metrics");
      return Number(/^etcd_debugging_mvcc_watcher_total (\S+)$/m.exec(text)?.[1] ?? NaN);
    };
    for (const sidecar of [holding, looking])
      await release(sidecar, await hold(sidecar, "leaders/begun"));
    await using other = await looksOn(looking, "leaders/other");
    await other.next("vacant");
    const before = await watchers();
    const streams = await Promise.all(
      Array.from({ length: 20 }, () => looksOn(looking, "leaders/watched")),
    );
    for (const stream of streams) await stream.next("vacant");
    assert.equal((await watchers()) - before, 1);
    for (const stream of streams) await stream[Symbol.asyncDispose]();
    await eventually("the end of the watch", async () => (await watchers()) === before);
  });

  it("begin as it is, and tell each change, with pod, fence and metadata", async () => {
    await using stream = await looksOn(looking, "leaders/one");
    assert.deepEqual(await stream.next("vacant"), { lock: "leaders/one" });
    const answer = await holding.api.post("/v1/locks/leaders/one/acquire", {
      body: { holder: "worker-1", metadata: { url: "http://10.0.0.1" }, ttl: "1m" },
    });
    const [leader] = await holders(stream);
    assert.deepEqual(
      [leader?.holder, leader?.pod, leader?.fence, leader?.metadata],
      ["worker-1", "pod-a", answer.body["fence"], { url: "http://10.0.0.1" }],
    );
    await using late = await looksOn(looking, "leaders/one");
    assert.equal((await holders(late))[0]?.holder, "worker-1");
    await holding.api.delete(`/v1/grants/${String(answer.body["grantId"])}`);
    await stream.next("vacant");
    await late.next("vacant");
  });

  it("tell of who follows, in order, also where the lock passes inside a pod", async () => {
    await using stream = await looksOn(looking, "leaders/two");
    await stream.next("vacant");
    const first = await hold(holding, "leaders/two", { holder: "first" });
    await stream.until("holder");
    const second = hold(holding, "leaders/two", { holder: "second", wait: "30s" });
    await release(holding, first);
    const next = await second;
    const told = await stream.until("holder", ({ holders }) => {
      const [holder] = holders as Holder[];
      return holder?.holder === "second" && holder.fence === next.fence.toString();
    });
    assert.ok(BigInt((told.data["holders"] as Holder[])[0]?.fence ?? 0) > first.fence);
    const third = hold(looking, "leaders/two", { holder: "third", wait: "30s" });
    await release(holding, next);
    await stream.until("holder", ({ holders }) => (holders as Holder[])[0]?.holder === "third");
    await release(looking, await third);
    await stream.until("vacant");
  });

  it("list all who hold permits, in order", async () => {
    await using stream = await looksOn(looking, "permits/1");
    await stream.next("vacant");
    const [one, two] = [
      await hold(holding, "permits/1", { holder: "one" }),
      await hold(looking, "permits/1", { holder: "two" }),
    ];
    const both = await stream.until("holder", (data) => (data["holders"] as Holder[]).length === 2);
    assert.deepEqual(
      (both.data["holders"] as Holder[]).map(({ holder }) => holder),
      ["one", "two"],
    );
    await release(holding, one);
    await release(looking, two);
    await stream.until("vacant");
  });

  it("tell of a holder that was killed when its session is over", async () => {
    const resources = [mutex("leaders")];
    const dying = await SidecarProcess.start({
      ...{ etcd: etcd.endpoint, resources, sessionTtl: brief },
      pod: "pod-c",
    });
    await hold(dying, "leaders/killed");
    await using stream = await looksOn(looking, "leaders/killed");
    assert.equal((await holders(stream))[0]?.pod, "pod-c");
    await dying[Symbol.asyncDispose]();
    await stream.next("vacant");
  });

  it("say when nothing is known, and what is as soon as it is", async () => {
    await using proxy = await TcpProxy.before(etcd.endpoint);
    const resources = [mutex("leaders")];
    await using cut = await SidecarProcess.start({
      ...{ etcd: proxy.endpoint, resources, sessionTtl: brief },
      pod: "pod-d",
    });
    const held = await hold(holding, "leaders/unseen");
    await using stream = await looksOn(cut, "leaders/unseen");
    await stream.next("holder");
    await proxy.refuse();
    proxy.reset();
    await stream.next("unseen");
    await release(holding, held);
    await proxy.heal();
    await stream.next("vacant");
  });
});
