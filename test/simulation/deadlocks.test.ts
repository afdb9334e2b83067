/** Circles of very many owners: what is told of them is bounded. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { forOneself } from "./process.ts";
import { processOf, quietStage } from "./quiet-stage.ts";
import { specOf } from "./schedule.ts";

const owners = 1_100;

describe("a circle of more than a thousand owners", () => {
  it("is listed, and who is ended is told of the first thousand waits", async () => {
    const stage = await quietStage("deadlocks/very-many", 1);
    const { world } = stage;
    const process = processOf(stage, 0);
    const edit = (onDeadlock: "Report" | "AbortYoungest") => {
      stage.edit(world.chance, () => [
        stage.documentOf("orders", specOf({ mode: "Mutex", onDeadlock })),
      ]);
      return world.pass(1_000);
    };
    await edit("Report");
    const ask = (at: number, lock: number) => {
      const request = { pool: "orders", waitMs: 60_000, hold: "session" } as const;
      const who = { owner: `owner ${String(at)}`, name: String(lock % owners) };
      return process.acquire({ ...request, ...forOneself, ...who }).answer;
    };
    const all = Array.from({ length: owners }, (_, at) => at);
    await world.until(Promise.all(all.map((at) => ask(at, at))));
    const waits = all.map((at) => ask(at, at + 1));
    await world.pass(1_000);
    const circles = await world.until(process.kernel.locks.deadlocks());
    assert.deepEqual(
      circles.map((circle) => circle.waits.length),
      [owners],
    );
    await edit("AbortYoungest");
    const ended = await world.until(Promise.race(waits));
    assert.ok(ended.kind === "refused" && ended.code === "deadlock", JSON.stringify(ended));
    assert.equal((ended.facts["waits"] as readonly unknown[]).length, 1_000);
    process.kill();
    assert.deepEqual(stage.history.violations, []);
  });
});
