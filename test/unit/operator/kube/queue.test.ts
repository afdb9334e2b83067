/** The queue of keys, on a clock that stands still. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Bucket, KeyBackoff } from "#operator/kube/backoff.ts";
import { WorkQueue, type Priority } from "#operator/kube/queue.ts";
import { Scrape, never } from "#test/support/kube/stage.ts";
import { SteppedRuntime } from "#test/support/kube/stepped-runtime.ts";

const labels = 'name="queues",controller="queues"';

function stage() {
  const runtime = new SteppedRuntime();
  const scrape = new Scrape();
  const queue = new WorkQueue({ name: "queues", runtime, metrics: scrape.kube });
  const take = async (): Promise<string | undefined> => (await queue.take(never))?.key;
  return { runtime, scrape, queue, take };
}

describe("the work queue", () => {
  it("hands a key out once, however often it is added", async () => {
    const { queue, take } = stage();
    queue.add("a", "edit");
    queue.add("b", "edit");
    queue.add("a", "edit");
    assert.equal(queue.depth, 2);
    assert.equal(await take(), "a");
    assert.equal(await take(), "b");
    assert.equal(queue.depth, 0);
    await drained(queue, ["a", "b"]);
  });

  it("keeps a key that is worked on from a second worker, and gives it out once more when it is done", async () => {
    const { queue, take } = stage();
    queue.add("a", "edit");
    assert.equal(await take(), "a");
    queue.add("a", "background");
    queue.add("a", "edit");
    queue.add("a", "background");
    let second: string | undefined;
    const waiting = take().then((key) => (second = key));
    await Promise.resolve();
    assert.equal(second, undefined);
    assert.equal(queue.depth, 0);
    queue.done("a");
    assert.equal(await waiting, "a");
    queue.done("a");
    assert.equal(queue.depth, 0, "once, not thrice");
  });

  it("gives what users do out before what a start brings, also where it was added as both", async () => {
    const { queue, take } = stage();
    for (const key of ["a", "b", "c"]) queue.add(key, "background");
    queue.add("d", "edit");
    queue.add("b", "edit");
    queue.add("b", "background");
    assert.deepEqual(
      [await take(), await take(), await take(), await take()],
      ["d", "b", "a", "c"],
    );
  });

  it("keeps a key's higher priority while it is worked on", async () => {
    const { queue, take } = stage();
    queue.add("a", "background");
    assert.equal(await take(), "a");
    queue.add("a", "edit");
    queue.add("a", "background");
    queue.add("b", "background");
    queue.done("a");
    assert.deepEqual(await queue.take(never), { key: "a", priority: "edit" });
  });

  it("delays a key, until its time or an add", async () => {
    const { queue, runtime, take } = stage();
    queue.addAfter("a", 1_000, "background");
    queue.addAfter("b", 1_000, "background");
    runtime.pass(999);
    assert.equal(queue.depth, 0);
    queue.add("b", "edit");
    assert.equal(await take(), "b");
    queue.done("b");
    runtime.pass(1);
    assert.equal(await take(), "a");
    queue.done("a");
    runtime.pass(10_000);
    assert.equal(queue.depth, 0, "the delay of b is over with the add");
    assert.equal(runtime.timers, 0);
  });

  it("keeps the earlier of two delays, and what was an edit stays one", async () => {
    const { queue, runtime } = stage();
    queue.addAfter("a", 500, "edit");
    queue.addAfter("a", 5_000, "background");
    runtime.pass(500);
    assert.deepEqual(await queue.take(never), { key: "a", priority: "edit" });
    queue.addAfter("b", 5_000, "edit");
    queue.addAfter("b", 500, "background");
    runtime.pass(500);
    assert.deepEqual(await queue.take(never), { key: "b", priority: "edit" });
  });

  it("does not delay what waits already", async () => {
    const { queue, runtime, take } = stage();
    queue.add("a", "edit");
    queue.addAfter("a", 1_000, "edit");
    assert.equal(await take(), "a");
    queue.done("a");
    runtime.pass(1_000);
    assert.equal(queue.depth, 0);
  });

  it("holds a delay that ends while the key is worked on until it is done", async () => {
    const { queue, runtime, take } = stage();
    queue.add("a", "edit");
    await take();
    queue.addAfter("a", 10, "edit");
    runtime.pass(10);
    assert.equal(queue.depth, 0);
    queue.done("a");
    assert.equal(queue.depth, 1);
  });

  it("waits longer after each failure of a key, and forgets", async () => {
    const { queue, runtime, take } = stage();
    const waits: number[] = [];
    for (let failure = 0; failure < 4; failure++) {
      queue.addRateLimited("a", "edit");
      waits.push(await runtime.skipPause());
      await take();
      queue.done("a");
    }
    assert.deepEqual(waits, [5, 10, 20, 40]);
    assert.equal(queue.failures("a"), 4);
    queue.forget("a");
    queue.addRateLimited("a", "edit");
    assert.equal(await runtime.pause(), 5);
  });

  it("does not come back before a server that asked for more", async () => {
    const { queue, runtime } = stage();
    queue.addRateLimited("a", "edit", 7_000);
    assert.equal(await runtime.pause(), 7_000);
  });

  it("bounds the retries of all keys together", () => {
    const { queue, runtime } = stage();
    for (let i = 0; i < 130; i++) queue.addRateLimited(String(i), "edit");
    runtime.pass(5);
    assert.equal(queue.depth, 100, "the burst");
    runtime.pass(995);
    assert.equal(queue.depth, 110, "ten a second after that");
    runtime.pass(2_000);
    assert.equal(queue.depth, 130);
  });

  it("leaves a worker that waits when its signal aborts, and loses no key by that", async () => {
    const { queue, take } = stage();
    const leaving = new AbortController();
    const left = queue.take(leaving.signal);
    const reason = new Error("leave");
    leaving.abort(reason);
    await assert.rejects(left, (error) => error === reason);
    await assert.rejects(queue.take(leaving.signal), (error) => error === reason);
    queue.add("a", "edit");
    assert.equal(await take(), "a");
  });

  it("drains: gives nothing out, takes nothing in, and is done with what is worked on", async () => {
    const { queue, runtime, take, scrape } = stage();
    queue.add("a", "edit");
    queue.add("b", "edit");
    queue.addAfter("c", 10, "edit");
    await take();
    queue.add("a", "edit");
    let drainedAt: string | undefined;
    const draining = queue.drain().then(() => (drainedAt = "done"));
    assert.equal(await take(), undefined);
    queue.add("d", "edit");
    queue.addAfter("d", 10, "edit");
    assert.equal(queue.depth, 0);
    assert.equal(runtime.timers, 0);
    assert.equal(drainedAt, undefined);
    queue.done("a");
    await draining;
    assert.equal(queue.depth, 0);
    assert.ok(!scrape.text().includes("workqueue_depth{"), "it is not scraped any more");
  });

  it("lets workers that wait go when it drains", async () => {
    const { queue, take } = stage();
    const waiting = [take(), take()];
    await queue.drain();
    assert.deepEqual(await Promise.all(waiting), [undefined, undefined]);
    await queue.drain();
  });

  it("is seen under controller-runtime's names", async () => {
    const { queue, runtime, scrape, take } = stage();
    queue.add("a", "edit");
    queue.add("a", "edit");
    queue.add("b", "background");
    queue.addAfter("c", 60_000, "edit");
    const depth = (priority: string) =>
      scrape.value(`workqueue_depth{${labels},priority="${priority}"}`);
    assert.equal(depth("0"), 1);
    assert.equal(depth("-100"), 1);
    assert.equal(scrape.value(`workqueue_adds_total{${labels}}`), 2);
    assert.equal(scrape.value(`workqueue_retries_total{${labels}}`), 1);
    runtime.pass(2_000);
    await take();
    await take();
    assert.equal(depth("0"), 0);
    assert.equal(scrape.value(`workqueue_queue_duration_seconds_sum{${labels}}`), 4);
    runtime.pass(3_000);
    assert.equal(scrape.value(`workqueue_unfinished_work_seconds{${labels}}`), 6);
    assert.equal(scrape.value(`workqueue_longest_running_processor_seconds{${labels}}`), 3);
    queue.done("a");
    assert.equal(scrape.value(`workqueue_work_duration_seconds_sum{${labels}}`), 3);
    assert.equal(scrape.value(`workqueue_work_duration_seconds_count{${labels}}`), 1);
    assert.equal(scrape.value(`workqueue_unfinished_work_seconds{${labels}}`), 3);
  });
});

describe("the work queue, whatever is done to it", () => {
  const step = fc.record({
    what: fc.constantFrom("add", "addAfter", "fail", "take", "done", "pass"),
    key: fc.constantFrom("a", "b", "c"),
    priority: fc.constantFrom<Priority>("edit", "background"),
    ms: fc.integer({ min: 1, max: 50 }),
  });

  it("never has a key with two workers, and gives each out after its last add", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { queue, runtime } = stage();
        const working = new Set<string>();
        /** Keys that were added and not taken since. */
        const owed = new Set<string>();
        const takeOne = async (): Promise<void> => {
          if (queue.depth === 0) return;
          const taken = await queue.take(never);
          assert.ok(taken !== undefined && !working.has(taken.key));
          working.add(taken.key);
          owed.delete(taken.key);
        };
        const finish = (key: string): void => {
          if (working.delete(key)) queue.done(key);
        };
        for (const { what, key, priority, ms } of steps) {
          if (what === "add") queue.add(key, priority);
          else if (what === "addAfter") queue.addAfter(key, ms, priority);
          else if (what === "fail") queue.addRateLimited(key, priority);
          else if (what === "take") await takeOne();
          else if (what === "done") finish(key);
          else runtime.pass(ms);
          if (["add", "addAfter", "fail"].includes(what)) owed.add(key);
        }
        for (let round = 0; round < 10; round++) {
          for (const key of [...working]) finish(key);
          runtime.pass(2_000_000);
          while (queue.depth > 0) await takeOne();
        }
        assert.deepEqual([...owed], []);
        for (const key of [...working]) finish(key);
        assert.equal(queue.depth, 0);
        assert.equal(runtime.timers, 0);
      }),
    );
  });
});

describe("back-off", () => {
  it("of a key ends at a thousand seconds", () => {
    const backoff = new KeyBackoff<string>();
    let last = 0;
    for (let i = 0; i < 2_000; i++) last = backoff.next("a");
    assert.equal(last, 1_000_000);
    assert.equal(backoff.next("b"), 5);
  });

  it("of a bucket fills up again, up to its burst", () => {
    const runtime = new SteppedRuntime();
    const bucket = new Bucket(runtime, { perSecond: 2, burst: 3 });
    assert.deepEqual(
      [1, 2, 3, 4, 5].map(() => bucket.reserve()),
      [0, 0, 0, 500, 1_000],
    );
    assert.equal(bucket.take(), false);
    runtime.pass(3_600_000);
    assert.deepEqual(
      [1, 2, 3, 4].map(() => bucket.take()),
      [true, true, true, false],
    );
  });
});

async function drained(queue: WorkQueue<string>, keys: readonly string[]): Promise<void> {
  for (const key of keys) queue.done(key);
  await queue.drain();
}
