/** `holdfast locks release`: locks taken from their holders, over real sidecars on a real etcd. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { eventually } from "#test/support/poll.ts";
import { cli } from "#test/support/cli-process.ts";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { acquireSet, grantOf, hold, holdersOf, queued, release } from "#test/support/lock-calls.ts";
import { brief, mutex, pool, SidecarProcess } from "#test/support/sidecar-process.ts";
import { urlOf } from "../client/support.ts";

describe("holdfast locks release", function () {
  this.timeout(60_000);
  let etcd: EtcdServer;
  let admin: SidecarProcess;
  let holding: SidecarProcess;
  let start: (pod: string, env?: Record<string, string>) => Promise<SidecarProcess>;
  const resources = [
    mutex("orders"),
    pool("permits", "mode: Semaphore, permits: 3"),
    pool("delayed", "mode: Mutex, lockDelay: 1m"),
  ];

  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
    start = (pod: string, env = {}) =>
      SidecarProcess.start({ etcd: etcd.endpoint, resources, pod, sessionTtl: brief, env });
    [admin, holding] = await Promise.all([
      start("pod-a", { HOLDFAST_ADMIN: "true" }),
      start("pod-b"),
    ]);
  });

  after(async () => {
    await Promise.all([admin[Symbol.asyncDispose](), holding[Symbol.asyncDispose]()]);
    await etcd[Symbol.asyncDispose]();
  });

  const run = (...args: string[]) => cli(["locks", "release", ...args], { url: urlOf(admin) });

  it("does nothing without --force: it says what it would do, and what to write", async () => {
    const held = await hold(holding, "orders/a%20b", { holder: "alice" });
    const plain = await run("orders/a b");
    assert.deepEqual([plain.code, plain.out], [2, ""]);
    assert.match(plain.err, /Nothing was done\. This would take the lock 'orders\/a b' from/);
    assert.match(plain.err, /whoever holds it, after a grace of 0s\. To do it, write: /);
    assert.match(plain.err, /holdfast locks release 'orders\/a b' --force\n/);
    const more = await run("orders/1", "--fence", "7", "--break-guarantee", "-o", "json");
    assert.match(more.err, /from the holder with fence 7, at once, whatever was guaranteed/);
    assert.match(more.err, /orders\/1 --force --fence 7 --break-guarantee --output json\n/);
    assert.equal((await grantOf(holding, held)).status, 200);
    await release(holding, held);
  });

  it("says where a lockDelay keeps it for a holder that was lost", async () => {
    const lost = await start("pod-c");
    const held = await hold(lost, "delayed/1", { holder: "alice" });
    await lost.kill();
    const released = await eventually("the loss to be seen", async () => {
      const { out } = await run("delayed/1", "--force");
      return out.startsWith("Nobody") && out;
    });
    const { fence } = held;
    assert.match(released, /^Nobody holds the lock 'delayed\/1'\. It is kept until \d{4}-\S+Z for/);
    assert.ok(released.includes(`alice (pod-c, fence ${fence.toString()}), who was lost`));
  });

  it("waits until the lock is free of its holder, and says so", async () => {
    const held = await hold(holding, "orders/1", { holder: "alice" });
    const { code, out, err } = await run("orders/1", "--force");
    assert.deepEqual([code, err], [0, ""]);
    const fence = held.fence.toString();
    assert.equal(out, `The lock 'orders/1' is free of alice (pod-b, fence ${fence}).\n`);
    assert.equal((await grantOf(holding, held)).body["reason"], "revoked");
    const vacant = await run("orders/1", "--force", "-o", "json");
    assert.equal(vacant.code, 0);
    assert.deepEqual(JSON.parse(vacant.out), {
      ...{ lock: "orders/1", outcome: "vacant", holders: [] },
    });
    assert.equal((await run("orders/1", "--force")).out, "Nobody holds the lock 'orders/1'.\n");
  });

  it("says whose waiting set reserves it, and asks nobody", async () => {
    const held = await hold(holding, "orders/first");
    const set = acquireSet(holding, ["orders/first", "orders/second"], {
      wait: "30s",
      holder: "set",
    });
    const { code, out } = await eventually("the place of the set", async () => {
      const ended = await run("orders/second", "--force");
      return ended.out.includes("reserved") && ended;
    });
    assert.equal(code, 0);
    assert.match(out, /^Nobody holds the lock 'orders\/second'\. It is reserved for set \(pod-b\)/);
    await release(holding, held);
    assert.equal((await set).status, 200);
  });

  it("ends with 3 where the holder was asked and has not gone yet", async () => {
    const held = await hold(holding, "orders/2");
    const { code, out } = await run("orders/2", "--force", "--grace", "1m", "--wait", "0s");
    assert.equal(code, 3);
    assert.match(out, /^The lock 'orders\/2' was asked for, and is not free yet of pod-b \(fence/);
    assert.match(out, /'holdfast locks get orders\/2' shows when it is\.\n$/);
    const json = await run("orders/2", "--force", "--grace=1m", "--wait=100ms", "--output=json");
    assert.equal(json.code, 3);
    assert.equal((JSON.parse(json.out) as Record<string, unknown>)["outcome"], "requested");
    assert.equal((await grantOf(holding, held)).status, 200, "within its grace it holds");
    await release(holding, held);
  });

  it("deletes the place of one that does not answer, and says that only the fence protects", async () => {
    const still = await hold(holding, "orders/3");
    const next = hold(admin, "orders/3", { wait: "30s", holder: "bob" });
    await queued(admin, "orders/3", 1);
    await holding.pause();
    try {
      const { code, out, err } = await run("orders/3", "--force", "--break-guarantee");
      assert.equal(code, 0);
      assert.match(out, /^The lock 'orders\/3' was taken from pod-b \(fence \d+\)\.\n$/);
      assert.match(err, /^holdfast: What was guaranteed .* void.*Only the fence protects/);
      const taken = await next;
      assert.ok(taken.fence > still.fence);
      assert.deepEqual(await holdersOf(admin, "orders/3"), ["bob"]);
      await release(admin, taken);
    } finally {
      holding.resume();
    }
  });

  it("means one holder of several by its fence", async () => {
    const one = await hold(admin, "permits/1", { holder: "one" });
    const two = await hold(admin, "permits/1", { holder: "two" });
    const { code, out } = await run("permits/1", "--force", `--fence=${two.fence.toString()}`);
    assert.equal(code, 0);
    assert.match(out, /is free of two \(pod-a, fence \d+\)\.\n/);
    assert.deepEqual(await holdersOf(admin, "permits/1"), ["one"]);
    const gone = await run("permits/1", "--force", "--fence", two.fence.toString());
    assert.equal(gone.out, `Nobody holds the lock 'permits/1' under the fence ${two.fence}.\n`);
    await release(admin, one);
  });

  it("says what is wrong, and what would be right", async () => {
    const cases: [string[], number, RegExp][] = [
      [["orders/1", "--force", "--fence", "a"], 2, /--fence: 'a' is no fence/],
      [["orders/1", "--force", "--fence", "007"], 2, /--fence: '007' is no fence/],
      [["orders/1", "--force", "--grace", "soon"], 2, /'soon' is no duration/],
      [["orders/1", "--force", "--grace=1s", "--break-guarantee"], 2, /leave one of them out/],
      [["orders/1", "--force", "--wait=1s", "--break-guarantee"], 2, /--wait is for a holder/],
      [["orders/1", "--force", "--wait=11m"], 1, /wait/],
      [["orders/1", "--forc"], 2, /no flag --forc here\. Did you mean --force\?/],
      [["odrers/1", "--force"], 1, /pool.*'odrers'/],
      [["--force"], 2, /POOL\/NAME is missing/],
    ];
    for (const [args, wanted, pattern] of cases) {
      const { code, out, err } = await run(...args);
      assert.equal(out, "", args.join(" "));
      assert.match(err, pattern);
      assert.equal(code, wanted, args.join(" "));
    }
    const other = { url: urlOf(holding) };
    const refused = await cli(["locks", "release", "orders/1", "--force"], other);
    assert.equal(refused.code, 1);
    assert.match(refused.err, /holdfast\.dev\/admin: enabled/);
  });
});
