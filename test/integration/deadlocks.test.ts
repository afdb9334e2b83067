/** Owners who take one lock after the other, and wait for each other, as callers of two pods see it. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { acquire, acquireSet, hold, holdSet, queued, release } from "../support/lock-calls.ts";
import { eventually } from "../support/poll.ts";
import { mutex, type SidecarProcess } from "../support/sidecar-process.ts";
import { startTwoPods, type TwoPods } from "../support/two-pods.ts";

interface Wait {
  readonly owner: string;
  readonly pod: string;
  readonly lock: string;
  readonly since: string;
  readonly behind: readonly string[];
}

describe("owners who wait for each other", function () {
  this.timeout(60_000);
  let pods: TwoPods;
  let a: SidecarProcess;
  let b: SidecarProcess;

  before(async () => {
    pods = await startTwoPods([mutex("orders", "onDeadlock: AbortYoungest"), mutex("reported")]);
    ({ a, b } = pods);
  });

  after(() => pods[Symbol.asyncDispose]());

  const deadlocksOf = async (on: SidecarProcess) => {
    const { body } = await on.api.get("/v1/deadlocks");
    return (body["deadlocks"] as { waits: Wait[] }[]).map(({ waits }) => waits);
  };
  const metric = async (on: SidecarProcess, name: string, pool: string): Promise<number> => {
    const { text } = await on.health.get("/metrics");
    const line = text.split("\n").find((one) => one.startsWith(`${name}{pool="${pool}"}`));
    return Number(line?.split(" ")[1]);
  };

  it("are told of everywhere, and go on where the youngest wait is ended", async () => {
    assert.deepEqual(await deadlocksOf(a), []);
    const one = await hold(a, "orders/1", { owner: "transfer-1" });
    const two = await hold(b, "orders/2", { owner: "transfer-2" });
    const first = acquire(a, "orders/2", { owner: "transfer-1", wait: "50s" });
    await queued(a, "orders/2", 1);
    const second = acquire(b, "orders/1", { owner: "transfer-2", wait: "50s" });
    await queued(a, "orders/1", 1);
    for (const on of [a, b]) {
      const [waits, more] = await deadlocksOf(on);
      assert.equal(more, undefined);
      assert.deepEqual(
        waits?.map(({ owner, pod, lock, behind }) => ({ owner, pod, lock, behind })),
        [
          { owner: "transfer-1", pod: "pod-a", lock: "orders/2", behind: ["transfer-2"] },
          { owner: "transfer-2", pod: "pod-b", lock: "orders/1", behind: ["transfer-1"] },
        ],
      );
    }
    const ended = await second;
    assert.equal(ended.status, 409, ended.text);
    assert.equal(ended.body["code"], "deadlock");
    assert.equal(ended.body["lock"], "orders/1");
    assert.equal(ended.body["owner"], "transfer-2");
    const waits = ended.body["waits"] as Wait[];
    assert.deepEqual(
      waits.map(({ owner }) => owner),
      ["transfer-1", "transfer-2"],
    );
    assert.ok(waits.every(({ since }) => Date.now() - Date.parse(since) < 60_000));
    assert.match(String(ended.body["detail"]), /'transfer-2' for 'orders\/1' behind 'transfer-1'/);
    // His place goes just after he is told.
    await eventually("none", async () => (await deadlocksOf(a)).length === 0);
    await release(b, two);
    const granted = await first;
    assert.equal(granted.status, 200, granted.text);
    await a.api.delete(`/v1/grants/${String(granted.body["grantId"])}`);
    await release(a, one);
    assert.equal(await metric(b, "holdfast_lock_aborted_total", "orders"), 1);
    assert.equal(await metric(a, "holdfast_lock_aborted_total", "orders"), 0);
    await eventually("the circle to be counted", async () => {
      const counted = [a, b].map((on) => metric(on, "holdfast_lock_deadlocked_total", "orders"));
      return (await Promise.all(counted)).some((count) => count > 0);
    });
  });

  it("are only told of where the pool says no more, until one of them gives up", async () => {
    const one = await hold(a, "reported/1", { owner: "A" });
    const two = await hold(b, "reported/2", { owner: "B" });
    const first = acquire(a, "reported/2", { owner: "A", wait: "50s" });
    const second = acquire(b, "reported/1", { owner: "B", wait: "3s" });
    await eventually("a circle", async () => (await deadlocksOf(b)).length === 1);
    assert.equal((await second).status, 423);
    await eventually("none", async () => (await deadlocksOf(b)).length === 0);
    await release(b, two);
    const granted = await first;
    await a.api.delete(`/v1/grants/${String(granted.body["grantId"])}`);
    await release(a, one);
    assert.equal(await metric(b, "holdfast_lock_aborted_total", "reported"), 0);
  });

  it("are told of where one waits for himself, and where one of them has asked for a set", async () => {
    const held = await hold(a, "orders/self", { owner: "me" });
    const again = await acquire(a, "orders/self", { owner: "me", wait: "50s" });
    assert.equal(again.body["code"], "deadlock", again.text);
    const without = await acquire(a, "orders/self", { wait: "300ms" });
    assert.equal(without.status, 423, without.text);
    await release(a, held);
    const set = await holdSet(a, ["orders/s1", "reported/s2"], { owner: "of a set" });
    const other = await hold(b, "orders/s3", { owner: "single" });
    const waiting = acquire(b, "reported/s2", { owner: "single", wait: "50s" });
    await queued(b, "reported/s2", 1);
    const more = await acquireSet(a, ["reported/s4", "orders/s3"], {
      ...{ owner: "of a set", wait: "50s" },
    });
    assert.equal(more.body["code"], "deadlock", more.text);
    await release(a, set);
    const granted = await waiting;
    await b.api.delete(`/v1/grants/${String(granted.body["grantId"])}`);
    await release(b, other);
  });
});
