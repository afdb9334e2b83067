/** The workers, on a clock that stands still. */
import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { refused, KubeFailure } from "#operator/kube/errors.ts";
import { WorkQueue } from "#operator/kube/queue.ts";
import {
  Reconciler,
  ReconcileTimeout,
  type Reconciled,
  type ReconcilerParts,
} from "#operator/kube/reconciler.ts";
import { Scrape, never, onFailure } from "#test/support/kube/stage.ts";
import { SteppedRuntime } from "#test/support/kube/stepped-runtime.ts";

interface Begun {
  readonly key: string;
  readonly signal: AbortSignal;
  end(result: Reconciled): void;
  fail(error: unknown): void;
}

const done: Reconciled = { kind: "done" };

/** Reconciles are ended by the test. */
function stage(more: Partial<ReconcilerParts<string>> = {}) {
  const runtime = new SteppedRuntime();
  const scrape = new Scrape();
  const queue = new WorkQueue({ name: "queues", runtime, metrics: scrape.kube });
  const begun: Begun[] = [];
  const start = () =>
    Reconciler.start({
      name: "queues",
      runtime,
      metrics: scrape.kube,
      queue,
      workers: 2,
      timeoutMs: 10_000,
      mayAct: () => true,
      reconcile: (key, signal) =>
        new Promise((resolve, reject) => {
          begun.push({ key, signal, end: resolve, fail: reject });
        }),
      onFailure,
      ...more,
    });
  const count = (name: string, result?: string): number | undefined =>
    scrape.value(
      `${name}{controller="queues"${result === undefined ? "" : `,result="${result}"`}}`,
    );
  const next = async (): Promise<Begun> => {
    await nextTurn();
    const first = begun.shift();
    assert.ok(first !== undefined, "a reconcile has begun");
    return first;
  };
  return { runtime, scrape, queue, begun, start, count, next };
}

describe("the workers of a controller", () => {
  it("reconcile as many keys at a time as there are workers", async () => {
    const { queue, begun, start, count, next } = stage();
    await using _workers = start();
    for (const key of ["a", "b", "c"]) queue.add(key, "edit");
    const first = await next();
    assert.equal(begun.length, 1);
    assert.equal(count("controller_runtime_active_workers"), 2);
    assert.equal(count("controller_runtime_max_concurrent_reconciles"), 2);
    first.end(done);
    const others = [await next(), await next()];
    assert.deepEqual(
      others.map(({ key }) => key),
      ["b", "c"],
    );
    for (const { end } of others) end(done);
    assert.equal(count("controller_runtime_reconcile_total", "success"), 1);
  });

  it("come back to what failed, later each time, and forget that when it goes well", async () => {
    const { queue, runtime, start, count, next } = stage();
    await using _workers = start();
    queue.add("a", "edit");
    (await next()).fail(new Error("no"));
    await nextTurn();
    assert.equal(await runtime.skipPause(), 5);
    (await next()).fail(new Error("no"));
    await nextTurn();
    assert.equal(await runtime.skipPause(), 10);
    (await next()).end(done);
    await nextTurn();
    assert.equal(queue.failures("a"), 0);
    assert.equal(count("controller_runtime_reconcile_total", "error"), 2);
    assert.equal(count("controller_runtime_reconcile_errors_total"), 2);
    assert.equal(count("controller_runtime_reconcile_panics_total"), 0);
  });

  it("outlive a reconcile that throws at once, or a bug", async () => {
    let calls = 0;
    const { queue, start, count, runtime } = stage({
      reconcile: () => {
        calls += 1;
        throw new TypeError("undefined is not an object");
      },
    });
    await using _workers = start();
    queue.add("a", "edit");
    await nextTurn();
    queue.add("b", "edit");
    await nextTurn();
    assert.equal(calls, 2);
    assert.equal(count("controller_runtime_reconcile_panics_total"), 2);
    assert.equal(count("controller_runtime_reconcile_errors_total"), 2);
    assert.ok(runtime.lines.some(({ message }) => message.includes("a reconcile failed")));
  });

  it("wait as long as the API server asks", async () => {
    const { queue, runtime, start, next } = stage();
    await using _workers = start();
    queue.add("a", "edit");
    const busy = refused("tooMany", "slow down", { code: 429, retryAfterMs: 4_000 });
    (await next()).fail(new KubeFailure("applying", busy));
    await nextTurn();
    assert.equal(await runtime.pause(), 4_000);
  });

  it("look again when a reconcile asks for it", async () => {
    const { queue, runtime, start, count, next } = stage();
    await using _workers = start();
    queue.add("a", "edit");
    (await next()).end({ kind: "later", afterMs: 60_000 });
    await nextTurn();
    assert.equal(await runtime.skipPause(), 60_000);
    (await next()).end({ kind: "again" });
    await nextTurn();
    assert.equal(await runtime.skipPause(), 5);
    (await next()).end(done);
    assert.equal(count("controller_runtime_reconcile_total", "requeue_after"), 1);
    assert.equal(count("controller_runtime_reconcile_total", "requeue"), 1);
    assert.equal(count("controller_runtime_reconcile_errors_total"), 0);
  });

  it("abort a reconcile that takes too long, and never begin a second one beside it", async () => {
    const { queue, begun, runtime, start, count, next } = stage();
    await using _workers = start();
    queue.add("a", "edit");
    const slow = await next();
    queue.add("a", "edit");
    runtime.pass(9_999);
    assert.equal(slow.signal.aborted, false);
    runtime.pass(1);
    assert.ok(slow.signal.reason instanceof ReconcileTimeout);
    assert.equal(count("controller_runtime_reconcile_timeouts_total"), 1);
    await nextTurn();
    assert.equal(begun.length, 0, "it still runs, whatever its signal says");
    runtime.pass(500);
    slow.fail(slow.signal.reason);
    await nextTurn();
    assert.equal(begun.length, 1);
    assert.equal(count("controller_runtime_reconcile_time_seconds_sum"), 10.5);
    (await next()).end(done);
    await nextTurn();
    assert.equal(count("controller_runtime_active_workers"), 0);
  });

  it("drain: end what they do, and take nothing more", async () => {
    const { queue, begun, start, next } = stage();
    await using workers = start();
    queue.add("a", "edit");
    const last = await next();
    const draining = workers.drain();
    queue.add("b", "edit");
    await nextTurn();
    assert.equal(begun.length, 0);
    assert.equal(last.signal.aborted, false);
    last.end(done);
    await draining;
    assert.equal(queue.depth, 1, "b is there for who comes next");
  });

  it("put back what they were doing when they close", async () => {
    const { queue, start, next, count } = stage();
    const workers = start();
    queue.add("a", "edit");
    const aborted = await next();
    const closing = workers.close();
    assert.ok(aborted.signal.aborted);
    aborted.fail(aborted.signal.reason);
    await closing;
    assert.equal(count("controller_runtime_reconcile_errors_total"), 0);
    assert.deepEqual(await queue.take(never), { key: "a", priority: "edit" });
  });

  it("do nothing for a process that may not act any more", async () => {
    let leads = true;
    const { queue, begun, start, next } = stage({ mayAct: () => leads });
    await using _workers = start();
    queue.add("a", "edit");
    const acting = await next();
    leads = false;
    queue.add("b", "edit");
    await nextTurn();
    assert.equal(begun.length, 0);
    acting.end(done);
    await nextTurn();
    queue.add("c", "edit");
    await nextTurn();
    assert.equal(begun.length, 0);
    assert.equal(queue.depth, 2, "the keys wait for the next term");
  });
});
