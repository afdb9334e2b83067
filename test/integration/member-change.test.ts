import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import type { EtcdMember } from "../support/etcd-member.ts";
import { EtcdGateway } from "../support/etcd-gateway.ts";
import { EtcdServer } from "../support/etcd-server.ts";
import { grantOf, hold, release, sessionOf, works, type Held } from "../support/lock-calls.ts";
import { LockTraffic } from "../support/lock-traffic.ts";
import { eventually } from "../support/poll.ts";
import { mutex, SidecarProcess } from "../support/sidecar-process.ts";

const calm = ["backend_unreachable", "outcome_unknown"];

describe("an etcd of three members", function () {
  this.timeout(60_000);
  let etcd: EtcdServer;
  let a: SidecarProcess;
  let b: SidecarProcess;
  let traffic: LockTraffic;
  let held: Held;
  let session: string | undefined;

  before(async () => {
    etcd = await EtcdServer.start({ members: 3, noFsync: true });
    const options = { resources: [mutex("orders")], sessionTtl: "15s" };
    a = await SidecarProcess.start({ ...options, etcd: etcd.endpoints, pod: "pod-a" });
    b = await SidecarProcess.start({
      ...options,
      etcd: etcd.endpoints.toReversed(),
      pod: "pod-b",
    });
  });

  after(async () => {
    await a[Symbol.asyncDispose]();
    await b[Symbol.asyncDispose]();
    await etcd[Symbol.asyncDispose]();
  });

  beforeEach(async () => {
    held = await hold(a, "orders/held");
    session = (await sessionOf(a)).id;
    traffic = new LockTraffic([a, b], { locks: ["orders/t1", "orders/t2"], callers: 8 });
    await traffic.grants(20);
  });

  /** Whatever happened: who held holds, no two held at once, nothing was said that is not true, and all goes on. */
  afterEach(async () => {
    await traffic.grants(40);
    const { problems } = await traffic.stop();
    assert.deepEqual(
      problems.filter((code) => !calm.includes(code)),
      [],
    );
    assert.equal((await grantOf(a, held)).status, 200);
    assert.equal((await sessionOf(a)).id, session);
    await release(a, held);
    await works(b, "orders/held");
  });

  const leader = async (): Promise<EtcdMember> =>
    eventually("a leader", async () => {
      for (const member of etcd.members) {
        const status = await new EtcdGateway(member.endpoint).call("maintenance/status");
        const header = status["header"] as { member_id: string };
        if (status["leader"] === header.member_id) return member;
      }
      return undefined;
    });

  const memberOf = async (sidecar: SidecarProcess): Promise<EtcdMember> => {
    const endpoint = String((await sessionOf(sidecar)).etcd["endpoint"]);
    const member = etcd.members.find((one) => one.endpoint === endpoint);
    assert(member !== undefined);
    return member;
  };

  it("whose leader is killed goes on with the other two", async () => {
    const member = await leader();
    await member.kill();
    await traffic.grants(40);
    await member.start();
  });

  it("whose member that a sidecar speaks to is paused goes on over another", async () => {
    const member = await memberOf(a);
    await member.pause();
    await traffic.grants(40);
    await works(a, "orders/through-another");
    member.resume();
  });

  it("whose leader moves goes on", async () => {
    const from = await leader();
    const raw = new EtcdGateway(from.endpoint);
    const to = (await raw.members()).find(({ name }) => name !== from.name);
    await raw.call("maintenance/transfer-leadership", { targetID: to?.ID });
    await traffic.grants(40);
  });

  it("whose member is replaced by an empty one goes on", async () => {
    const member = await memberOf(b);
    const other = etcd.members.find((one) => one !== member);
    assert(other !== undefined);
    const raw = new EtcdGateway(other.endpoint);
    const known = (await raw.members()).find(({ name }) => name === member.name);
    await member.kill();
    // Where it led, a change that is proposed before the next one leads is lost without a word.
    await eventually("a leader among the others", async () => {
      const { leader: id } = await raw.call("maintenance/status");
      return id !== undefined && id !== known?.ID;
    });
    await raw.call("cluster/member/remove", { ID: known?.ID });
    await member.wipe();
    await eventually("the cluster to take a new member", async () => {
      await raw.call("cluster/member/add", { peerURLs: known?.peerURLs });
      return true;
    });
    etcd.joinExisting(member);
    await member.start();
    await traffic.grants(40);
  });
});
