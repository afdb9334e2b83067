/** What is left of lost holders goes also where nobody asks for their locks any more. */
import assert from "node:assert/strict";
import { dataRoot } from "#core/session/keys.ts";
import { prefixRange } from "#core/store.ts";
import { forOneself, namespace } from "./process.ts";
import { processOf, quietStage } from "./quiet-stage.ts";
import { specOf } from "./schedule.ts";

describe("the sweeper of markers", () => {
  it("sweeps one that nobody asks about when its delay is over, not before, and leaves its role when no pool has any", async () => {
    const stage = await quietStage("sweeper", 2);
    const { world, server } = stage;
    const edit = (lockDelay: string) => {
      stage.edit(world.chance, () => [
        stage.documentOf("orders", specOf({ mode: "Mutex", lockDelay })),
      ]);
      return world.pass(1_000);
    };
    const standing = (what: string) =>
      server.keys.within(prefixRange(`${dataRoot(namespace)}${what}/`)).length;
    await edit("2m");
    const first = processOf(stage, 0);
    const asked = { pool: "orders", name: "42", waitMs: 0, hold: "session" } as const;
    const { answer } = first.acquire({ ...forOneself, ...asked });
    const heard = await world.until(answer);
    assert.ok(heard.kind === "answered" && heard.value.kind === "granted");
    await world.pass(60_000);
    assert.equal(standing("marks"), 1);
    assert.equal(standing("roles"), 2, "one in the role, one behind it");
    first.kill();
    await world.pass(120_000);
    assert.equal(standing("marks"), 1, "swept before its delay");
    await world.pass(150_000);
    assert.equal(standing("marks"), 0, "never swept");
    assert.equal(standing("roles"), 1);
    await edit("0s");
    await world.pass(150_000);
    assert.equal(standing("roles"), 0, "the role is kept though no pool has a delay");
    processOf(stage, 1).kill();
    assert.deepEqual(stage.history.violations, []);
  });

  it("sweeps one that outlived its pool and all who knew of it", async () => {
    const stage = await quietStage("sweeper of what nobody knows", 2);
    const { world, server } = stage;
    const marks = () => server.keys.within(prefixRange(`${dataRoot(namespace)}marks/`)).length;
    stage.edit(world.chance, () => [
      stage.documentOf("orders", specOf({ mode: "Mutex", lockDelay: "2m" })),
    ]);
    await world.pass(1_000);
    const asked = { pool: "orders", name: "42", waitMs: 0, hold: "session" } as const;
    const { answer } = processOf(stage, 0).acquire({ ...forOneself, ...asked });
    const heard = await world.until(answer);
    assert.ok(heard.kind === "answered" && heard.value.kind === "granted");
    processOf(stage, 0).kill();
    stage.edit(world.chance, () => []);
    await world.pass(1_000);
    processOf(stage, 1).kill();
    for (const pod of stage.pods) pod.start();
    await world.pass(120_000);
    assert.equal(marks(), 1, "swept before its delay");
    await world.pass(150_000);
    assert.equal(marks(), 0, "never swept");
    assert.deepEqual(stage.history.violations, []);
  });
});
