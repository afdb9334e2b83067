/** The reflector, the queue and the workers together, over an API server to which everything happens. */
import assert from "node:assert/strict";
import { sleep } from "#core/runtime.ts";
import type { KubeObject, ObjectKey } from "#operator/kube/objects.ts";
import { WorkQueue } from "#operator/kube/queue.ts";
import { Reconciler } from "#operator/kube/reconciler.ts";
import { Reflector } from "#operator/kube/reflector.ts";
import { ChaosApi } from "#test/support/kube/chaos-api.ts";
import { Scrape, key, onFailure, queues } from "#test/support/kube/stage.ts";
import { World } from "#test/support/world/world.ts";

const runs = 30;

async function converge(seed: number, faults: Set<string>): Promise<void> {
  const world = new World(`convergence ${seed}`);
  const runtime = world.runtime("operator");
  const chance = world.chanceFor("events");
  const api = new ChaosApi(runtime, world.chanceFor("api"));
  const scrape = new Scrape();
  const metrics = scrape.kube;
  const queue = new WorkQueue<ObjectKey>({ name: "queues", runtime, metrics });
  /** The uid and version that the controller saw when it last looked; undefined: nothing was there. */
  const acted = new Map<string, string | undefined>();
  const working = new Set<string>();
  /** What was told, applied change by change. */
  const heard = new Map<string, KubeObject>();
  const reflector = Reflector.start({
    api,
    runtime,
    metrics,
    selection: { resource: queues },
    told: (change) => {
      const before = heard.get(change.key);
      assert.deepEqual("was" in change && change.kind === "changed" ? change.was : before, before);
      if (change.kind === "deleted") heard.delete(change.key);
      else heard.set(change.key, change.now);
      if (change.kind === "changed")
        assert.equal(
          change.was.metadata.uid,
          change.now.metadata.uid,
          "another uid, another object",
        );
      queue.add(change.key, "edit");
    },
    onFailure,
  });
  const workers = Reconciler.start({
    name: "queues",
    runtime,
    metrics,
    queue,
    workers: 3,
    mayAct: () => true,
    reconcile: async (of, signal) => {
      assert.ok(!working.has(of), "one worker a key");
      working.add(of);
      try {
        const object = reflector.store.get(of);
        await sleep(runtime, chance.between({ min: 1, max: 500 }), signal);
        if (chance.happens(0.2)) throw new Error("the world is not as it should be");
        acted.set(of, object && mark(object));
        return { kind: "done" };
      } finally {
        working.delete(of);
      }
    },
    onFailure,
  });
  for (let i = 0; i < 150; i++) {
    await world.pass(chance.between({ min: 1, max: 400 }));
    api.change();
  }
  api.calm();
  await world.pass(600_000);
  const failed = 'holdfast_kube_handler_failures_total{resource="queues.holdfast.dev"}';
  assert.equal(scrape.value(failed), 0, world.journal.print());
  const truth = new Map(
    [...api.objects.values()].map((object) => [`shop/${object.metadata.name}`, object]),
  );
  const shown = [...reflector.store.all()].map((object) => [
    `shop/${object.metadata.name}`,
    object,
  ]);
  assert.deepEqual(new Map(shown as [string, KubeObject][]), truth, `seed ${seed}: the store`);
  assert.deepEqual(heard, truth, `seed ${seed}: what was told`);
  for (const [of, seen] of acted) {
    const now = reflector.store.get(key(of));
    assert.equal(seen, now && mark(now), `seed ${seed}: ${of} was looked at after its last change`);
  }
  for (const of of truth.keys()) assert.ok(acted.has(of), `seed ${seed}: ${of} was looked at`);
  await world.until(workers.close());
  await world.until(reflector.close());
  await queue.drain();
  for (const fault of api.faults.keys()) faults.add(fault);
}

const mark = ({ metadata }: KubeObject): string => `${metadata.uid}@${metadata.resourceVersion}`;

describe("reflector, queue and workers", () => {
  it("come to the same end, whatever happens to events, lists and reconciles", async () => {
    const faults = new Set<string>();
    for (let seed = 1; seed <= runs; seed++) await converge(seed, faults);
    assert.deepEqual([...faults].sort(), [
      "again",
      "busy",
      "dropped",
      "end",
      "error",
      "expired",
      "half",
      "list",
      "odd",
      "page",
      "reset",
      "swapped",
    ]);
  }).timeout(60_000);
});
