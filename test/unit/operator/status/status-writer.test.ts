/** How often statuses are written, in virtual time. */
import assert from "node:assert/strict";
import type { Condition } from "#operator/conditions/condition.ts";
import type { Wanted } from "#operator/controllers/published/decide.ts";
import { Bucket } from "#operator/kube/backoff.ts";
import type { KubeObject } from "#operator/kube/objects.ts";
import { refreshMs, StatusWriter, statusRate } from "#operator/status/status-writer.ts";
import { KubeApiModel, ModelClient } from "#test/support/kube/api-model.ts";
import { onFailure, queueObject, queues } from "#test/support/kube/stage.ts";
import { World } from "#test/support/world/world.ts";

function wanted(held: number, ready: Condition["status"] = "True", message = "fine"): Wanted {
  return {
    generation: 1,
    conditions: [{ type: "Ready", status: ready, reason: "Usable", message }],
    usage: { held, waiting: 0, oldestWaitSince: undefined },
  };
}

class Stage implements AsyncDisposable {
  readonly world = new World("statuses");
  readonly model = new KubeApiModel(this.world);
  readonly runtime = this.world.runtime("operator");
  readonly client = new ModelClient(this.model, this.runtime);
  leads = true;
  readonly writer = StatusWriter.start({
    api: this.client,
    runtime: this.runtime,
    resource: queues,
    fieldManager: "test",
    bucket: new Bucket(this.runtime, statusRate),
    mayAct: () => this.leads,
    onFailure,
  });

  make(name: string): KubeObject {
    return this.model.put(queues, queueObject({ name, version: 1 }));
  }

  heldOf(name: string): unknown {
    const stored = this.model.object(queues, { namespace: "shop", name });
    return (stored?.["status"] as { held?: number } | undefined)?.held;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.writer.close();
    await this.world.pass(60_000);
    await closed;
  }
}

describe("statuses", () => {
  it("are written once: what stands already is not written again", async () => {
    await using stage = new Stage();
    const object = stage.make("a");
    stage.writer.want(object, wanted(1));
    await stage.world.pass(1_000);
    assert.equal(stage.model.writes, 1);
    // The watch has not told of the write yet: the object is the old one.
    stage.writer.want(object, wanted(1));
    await stage.world.pass(60_000);
    assert.equal(stage.model.writes, 1);
  });

  it("of numbers and messages wait for 15 s since the last write, and the last wish counts", async () => {
    await using stage = new Stage();
    const object = stage.make("a");
    stage.writer.want(object, wanted(1));
    await stage.world.pass(1_000);
    stage.writer.want(object, wanted(2));
    stage.writer.want(object, wanted(3, "True", "other words"));
    await stage.world.pass(refreshMs - 2_000);
    assert.equal(stage.heldOf("a"), 1);
    await stage.world.pass(2_000);
    assert.equal(stage.heldOf("a"), 3);
    assert.equal(stage.model.writes, 2);
  });

  it("are written at once where a condition changes", async () => {
    await using stage = new Stage();
    const object = stage.make("a");
    stage.writer.want(object, wanted(1));
    await stage.world.pass(1_000);
    stage.writer.want(object, wanted(2, "False"));
    await stage.world.pass(100);
    assert.equal(stage.heldOf("a"), 2);
  });

  it("are 20 a second in all, and those that were refreshed longest ago go first", async () => {
    await using stage = new Stage();
    const objects = Array.from({ length: 100 }, (_, at) => stage.make(`q${at}`));
    for (const object of objects) stage.writer.want(object, wanted(1));
    await stage.world.pass(1_000);
    const { perSecond, burst } = statusRate;
    assert.ok(stage.model.writes <= burst + perSecond + 1, `${stage.model.writes}`);
    await stage.world.pass(60_000);
    assert.equal(stage.model.writes, 100);
    for (const object of objects.toReversed()) stage.writer.want(object, wanted(2));
    await stage.world.pass(1_500);
    assert.equal(stage.heldOf("q0"), 2, "it was the first");
    assert.equal(stage.heldOf("q99"), 1, "it was the last");
    await stage.world.pass(60_000);
    assert.equal(stage.heldOf("q99"), 2);
  });

  it("of what a user has edited go before all that only waits, also before what never had one", async () => {
    await using stage = new Stage();
    const edited = stage.make("edited");
    stage.writer.want(edited, wanted(1));
    await stage.world.pass(1_000);
    const objects = Array.from({ length: 100 }, (_, at) => stage.make(`q${at}`));
    for (const object of objects) stage.writer.want(object, wanted(1));
    stage.writer.want(edited, { ...wanted(2), generation: 2 });
    await stage.world.pass(100);
    assert.equal(stage.heldOf("edited"), 2);
    assert.equal(stage.heldOf("q99"), undefined);
    await stage.world.pass(60_000);
    assert.equal(stage.heldOf("q99"), 1);
  });

  it("are tried again until the API server takes them, and not at all by who leads no more", async () => {
    await using stage = new Stage();
    const object = stage.make("a");
    stage.client.cut = true;
    stage.writer.want(object, wanted(1));
    await stage.world.pass(40_000);
    assert.equal(stage.model.writes, 0);
    stage.client.calm();
    await stage.world.pass(120_000);
    assert.equal(stage.heldOf("a"), 1);
    stage.leads = false;
    stage.writer.want(object, wanted(2, "False"));
    await stage.world.pass(60_000);
    assert.equal(stage.model.writes, 1);
  });

  it("of one that was made anew under its name are about the new one", async () => {
    await using stage = new Stage();
    const old = stage.make("a");
    stage.writer.want(old, wanted(1));
    await stage.world.pass(1_000);
    const made = stage.model.put(queues, queueObject({ name: "a", version: 1, uid: "other" }));
    stage.writer.want(old, wanted(9, "False"));
    await stage.world.pass(1_000);
    assert.equal(stage.heldOf("a"), undefined);
    stage.writer.want(made, wanted(2));
    await stage.world.pass(1_000);
    assert.equal(stage.heldOf("a"), 2);
  });
});
