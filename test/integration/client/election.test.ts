import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { HoldfastError, type Holdfast, type LockEvent } from "#client/holdfast.ts";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { holdersOf, queued } from "#test/support/lock-calls.ts";
import { brief, mutex, SidecarProcess } from "#test/support/sidecar-process.ts";
import { clientOf } from "./support.ts";

/** The next event of that kind, and of that holder. */
async function next(
  events: AsyncGenerator<LockEvent, void>,
  kind: LockEvent["kind"],
  holder?: string,
): Promise<LockEvent> {
  for (;;) {
    const { value } = await events.next();
    assert.ok(value !== undefined, "the events ended");
    if (value.kind !== kind) continue;
    if (value.kind !== "holder" || value.holders[0]?.holder === holder) return value;
  }
}

describe("elections by the client", function () {
  this.timeout(60_000);
  let etcd: EtcdServer;
  let sidecars: SidecarProcess[];
  const start = (pod: string) =>
    SidecarProcess.start({
      ...{ etcd: etcd.endpoint, resources: [mutex("leaders")], pod, sessionTtl: brief },
    });

  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
    sidecars = await Promise.all(["pod-a", "pod-b", "pod-c"].map(start));
  });

  after(async () => {
    await Promise.all(sidecars.map((sidecar) => sidecar[Symbol.asyncDispose]()));
    await etcd[Symbol.asyncDispose]();
  });

  const clients = (): [Holdfast, Holdfast, Holdfast] => {
    const [a, b, c] = sidecars.map((sidecar) => clientOf(sidecar));
    assert.ok(a !== undefined && b !== undefined && c !== undefined);
    return [a, b, c];
  };

  it("give one leader at a time, turn by turn, and all who look on know which", async () => {
    const [a, b, c] = clients();
    const events = c.locks("leaders").events("turns");
    await next(events, "vacant");
    const ones = a.locks("leaders").elect("turns", { holder: "one", metadata: { url: "u1" } });
    const first = (await ones.next()).value;
    assert.ok(first?.isHeld === true);
    const told = await next(events, "holder", "one");
    assert.ok(told.kind === "holder");
    assert.equal(told.holders[0]?.metadata?.["url"], "u1");
    assert.equal(told.holders[0].fence, first.fence);
    const twos = b.locks("leaders").elect("turns", { holder: "two" });
    const second = twos.next();
    await queued(sidecars[2] as SidecarProcess, "leaders/turns", 1);
    const third = ones.next();
    const led = (await second).value;
    assert.ok(led !== undefined && BigInt(led.fence) > BigInt(first.fence));
    await next(events, "holder", "two");
    await twos.return();
    assert.ok((await third).value?.isHeld);
    await ones.return();
    await next(events, "vacant");
    await events.return();
    await Promise.all([a.close(), b.close(), c.close()]);
  });

  it("pass on when the leader's sidecar is killed, and the leader hears of it first", async () => {
    const dying = await start("pod-d");
    const [b, c] = clients();
    const d = clientOf(dying, { onWarning: () => undefined });
    const events = c.locks("leaders").events("killed");
    const leads = d.locks("leaders").elect("killed", { holder: "dying" });
    const first = (await leads.next()).value;
    assert.ok(first !== undefined);
    await next(events, "holder", "dying");
    const second = b.locks("leaders").elect("killed", { holder: "next" });
    const led = second.next();
    await queued(sidecars[2] as SidecarProcess, "leaders/killed", 1);
    await dying.kill();
    const follower = await led;
    assert.ok(first.signal.aborted, "the first leader had not heard of its loss");
    assert.ok(follower.value?.isHeld);
    await next(events, "holder", "next");
    await second.return();
    await Promise.all([d.close(), b.close(), c.close()]);
    await leads.return();
    await dying[Symbol.asyncDispose]();
  });

  it("end with their signal, without an error", async () => {
    const [a, b, c] = clients();
    const leaving = new AbortController();
    const { signal } = leaving;
    const events = c.locks("leaders").events("left", { signal });
    await next(events, "vacant");
    const first = a.locks("leaders").elect("left");
    await first.next();
    const waits = b.locks("leaders").elect("left", { signal }).next();
    await queued(sidecars[2] as SidecarProcess, "leaders/left", 1);
    leaving.abort();
    assert.deepEqual(await waits, { done: true, value: undefined });
    while ((await events.next()).done !== true);
    await first.return();
    assert.deepEqual(await holdersOf(sidecars[2] as SidecarProcess, "leaders/left"), []);
    await Promise.all([a.close(), b.close(), c.close()]);
  });

  it("throw what does not pass, and when the client is closed", async () => {
    const [a, b, c] = clients();
    const isCode = (code: string) => (error: unknown) =>
      HoldfastError.is(error) && error.code === code;
    await assert.rejects(a.locks("nowhere").events("1").next(), isCode("pool_not_found"));
    await assert.rejects(a.locks("nowhere").elect("1").next(), isCode("pool_not_found"));
    const events = b.locks("leaders").events("closed");
    await events.next();
    const rest = events.next();
    await b.close();
    await assert.rejects(rest, isCode("client_closed"));
    await Promise.all([a.close(), c.close()]);
  });

  it("tell that nothing is known while the sidecar is away, and go on when it is back", async () => {
    const away = await start("pod-e");
    const client = clientOf(away);
    const events = client.locks("leaders").events("away");
    await next(events, "vacant");
    await away[Symbol.asyncDispose]();
    await next(events, "unseen");
    await events.return();
    await client.close();
  });
});
