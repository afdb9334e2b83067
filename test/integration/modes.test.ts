/** Locks that are shared, and semaphores, as callers of two pods see them. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import type { EtcdGateway } from "../support/etcd-gateway.ts";
import type { EtcdServer } from "../support/etcd-server.ts";
import {
  acquire,
  grantOf,
  hold,
  holdersOf,
  queued,
  release,
  waitersOf,
} from "../support/lock-calls.ts";
import { eventually } from "../support/poll.ts";
import { pool, SidecarProcess } from "../support/sidecar-process.ts";
import { startTwoPods, type TwoPods } from "../support/two-pods.ts";

const shared = { mode: "shared" } as const;

describe("locks that several may hold", function () {
  this.timeout(60_000);
  let pods: TwoPods;
  let etcd: EtcdServer;
  let raw: EtcdGateway;
  let a: SidecarProcess;
  let b: SidecarProcess;

  before(async () => {
    pods = await startTwoPods([
      pool("documents", "mode: ReadWrite"),
      pool("strict", "mode: ReadWrite, handover: {maxCount: 0}"),
      pool("few", "mode: ReadWrite, limits: {waitersPerLock: 1}"),
      pool("licences", "mode: Semaphore, permits: 3"),
      pool("many", "mode: Semaphore, permits: 50"),
    ]);
    ({ etcd, raw, a, b } = pods);
  });

  after(() => pods[Symbol.asyncDispose]());

  const keysOf = async (lock: string) =>
    (await raw.under(`/holdfast/v1/data/default/locks/${lock}/`)).length;

  describe("of mode ReadWrite", () => {
    it("are held by readers of both pods together, each with a fence of its own", async () => {
      const readers = await Promise.all(
        [a, b, a].map((pod, at) => hold(pod, "documents/1", { ...shared, holder: `r${at}` })),
      );
      assert.equal(new Set(readers.map(({ fence }) => fence)).size, 3);
      for (const { answer } of readers) assert.equal(answer.body["mode"], "shared");
      assert.deepEqual((await holdersOf(a, "documents/1")).sort(), ["r0", "r1", "r2"]);
      const totals = (await a.api.get("/v1/locks/documents")).body["totals"];
      assert.deepEqual(totals, { names: 1, held: 3, waiting: 0 });
      const refused = await acquire(b, "documents/1");
      assert.equal(refused.status, 423, refused.text);
      for (const [at, reader] of readers.entries()) await release([a, b, a][at] ?? a, reader);
      assert.equal(await keysOf("documents/1"), 0);
    });

    it("are held by all readers of a pod by one place, which others are told of, until the last has gone", async () => {
      const readers = await Promise.all(
        ["r0", "r1", "r2"].map((holder) => hold(a, "documents/5", { ...shared, holder })),
      );
      assert.equal(await keysOf("documents/5"), 1);
      const [first, ...others] = readers;
      await eventually("told of all three", async () => {
        const [told] = (await b.api.get("/v1/locks/documents/5")).body["holders"] as object[];
        return (told as { localHolders?: number }).localHolders === 3;
      });
      assert.deepEqual((await b.api.get("/v1/locks/documents?prefix=5")).body["totals"], {
        ...{ names: 1, held: 3, waiting: 0 },
      });
      assert.ok(first !== undefined);
      await release(a, first);
      for (const reader of others) {
        assert.equal((await acquire(b, "documents/5")).status, 423);
        await release(a, reader);
      }
      assert.equal(await keysOf("documents/5"), 0);
      await release(b, await hold(b, "documents/5"));
    });

    it("let in no reader past a writer that waits, and the readers behind it together after it", async () => {
      const reader = await hold(a, "strict/2", { ...shared, holder: "reader" });
      const writing = hold(b, "strict/2", { wait: "1m", holder: "writer" });
      await queued(b, "strict/2", 1);
      await eventually("known to the pod of the reader", async () => {
        const joined = await acquire(a, "strict/2", shared);
        if (joined.status === 200)
          await a.api.delete(`/v1/grants/${String(joined.body["grantId"])}`);
        return joined.status === 423;
      });
      const late = [a, b].map((pod, at) =>
        hold(pod, "strict/2", { ...shared, wait: "1m", holder: `late${at}` }),
      );
      await queued(a, "strict/2", 3);
      assert.equal((await acquire(a, "strict/2", shared)).status, 423);
      await release(a, reader);
      const writer = await writing;
      assert.ok(writer.fence > reader.fence);
      assert.deepEqual(await waitersOf(a, "strict/2").then((all) => all.sort()), [
        "late0",
        "late1",
      ]);
      await release(b, writer);
      for (const [at, one] of (await Promise.all(late)).entries()) {
        assert.ok(one.fence > writer.fence);
        await release([a, b][at] ?? a, one);
      }
    });

    it("give the grant that a requestId was given, while it waits and after", async () => {
      const writer = await hold(a, "documents/3");
      const ask = { ...shared, wait: "1m", requestId: "again" };
      const both = [hold(b, "documents/3", ask), hold(b, "documents/3", ask)];
      await queued(b, "documents/3", 1);
      await release(a, writer);
      const [one, other] = await Promise.all(both);
      assert.equal(one?.id, other?.id);
      assert.equal((await hold(b, "documents/3", ask)).id, one?.id);
      assert.ok(one !== undefined);
      await release(b, one);
      assert.equal((await acquire(b, "documents/3", ask)).body["code"], "grant_lost");
    });

    it("count every reader that waits against waitersPerLock", async () => {
      const writer = await hold(a, "few/1");
      const waiting = hold(b, "few/1", { ...shared, wait: "1m" });
      await queued(b, "few/1", 1);
      for (const pod of [a, b]) {
        const refused = await acquire(pod, "few/1", { ...shared, wait: "1m" });
        assert.equal(refused.body["code"], "too_many_waiters", refused.text);
      }
      await release(a, writer);
      await release(b, await waiting);
    });

    it("are freed with the session of a pod that was killed", async () => {
      await using mortal = await SidecarProcess.start({
        ...{ etcd: etcd.endpoint, pod: "pod-c", sessionTtl: "3s" },
        resources: [pool("documents", "mode: ReadWrite")],
      });
      await hold(mortal, "documents/4", shared);
      const reader = await hold(a, "documents/4", shared);
      const writing = hold(b, "documents/4", { wait: "1m" });
      await queued(b, "documents/4", 1);
      await mortal.kill();
      await release(a, reader);
      await release(b, await writing);
    });
  });

  describe("of mode Semaphore", () => {
    it("are held by as many as there are permits for, in the order of coming", async () => {
      const two = await hold(a, "licences/1", { permits: "2", holder: "two" });
      assert.equal(two.answer.body["permits"], 2);
      const one = await hold(b, "licences/1", { holder: "one" });
      assert.equal((await acquire(a, "licences/1")).status, 423);
      const large = hold(b, "licences/1", { permits: "3", wait: "1m", holder: "large" });
      await queued(b, "licences/1", 1);
      const small = hold(a, "licences/1", { wait: "1m", holder: "small" });
      await queued(b, "licences/1", 2);
      assert.deepEqual(await waitersOf(a, "licences/1"), ["large", "small"]);
      await release(b, one);
      assert.deepEqual(await waitersOf(a, "licences/1"), ["large", "small"]);
      await release(a, two);
      await release(b, await large);
      await release(a, await small);
      assert.equal(await keysOf("licences/1"), 0);
    });

    it("refuse at once what can never be had", async () => {
      const refused = await acquire(a, "licences/2", { permits: "4", wait: "1m" });
      assert.equal(refused.status, 409);
      assert.equal(refused.body["code"], "permits_exceed");
      assert.equal(refused.body["field"], "permits");
      assert.match(String(refused.body["detail"]), /'licences' has 3 \(spec\.permits\)/);
    });

    it("end a wait whose caller goes away, and let in who stood behind it", async () => {
      const two = await hold(a, "licences/3", { permits: "2" });
      const leaving = new AbortController();
      const left = acquire(b, "licences/3", { permits: "3", wait: "1m", signal: leaving.signal });
      await queued(b, "licences/3", 1);
      const small = hold(b, "licences/3", { wait: "1m" });
      await queued(b, "licences/3", 2);
      leaving.abort();
      await assert.rejects(left);
      await release(b, await small);
      await release(a, two);
    });

    it("end each grant by itself", async () => {
      const short = await hold(a, "licences/4", { ttl: "300ms" });
      const long = await hold(a, "licences/4");
      await eventually("the end of the first", async () => {
        return (await grantOf(a, short)).body["code"] === "grant_lost";
      });
      assert.equal((await grantOf(a, long)).status, 200);
      await eventually("its place to be gone", async () => (await keysOf("licences/4")) === 1);
      await release(a, long);
    });

    it("never give out more than there are to many callers at once, and serve all of them", async () => {
      let out = 0;
      let most = 0;
      const work = async (pod: SidecarProcess, permits: number): Promise<void> => {
        const held = await hold(pod, "many/1", { permits: String(permits), wait: "1m" });
        out += permits;
        most = Math.max(most, out);
        await new Promise(setImmediate);
        out -= permits;
        await release(pod, held);
      };
      const callers = Array.from({ length: 200 }, (_, at) =>
        work(at % 2 === 0 ? a : b, 1 + (at % 20)),
      );
      await Promise.all(callers);
      assert.ok(most <= 50, `${most} permits were out`);
      assert.equal(await keysOf("many/1"), 0);
    });
  });
});
