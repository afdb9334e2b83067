import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { Clock } from "#client/clock.ts";
import { World } from "#test/support/world/world.ts";

describe("the client's clock", () => {
  const machine = () => {
    const world = new World(1);
    const runtime = world.runtime("app");
    return { world, runtime, clock: new Clock(runtime) };
  };

  it("goes on with the monotonic clock", async () => {
    const { world, clock } = machine();
    const before = clock.now();
    await world.pass(1_000);
    assert.equal(clock.now() - before, 1_000);
    assert.equal(clock.sleptMs, 0);
  });

  it("counts the time that the machine slept", async () => {
    const { world, runtime, clock } = machine();
    const before = clock.now();
    runtime.suspend();
    await world.pass(5_000);
    runtime.resume();
    await world.pass(1_000);
    assert.equal(clock.now() - before, 6_000);
    assert.equal(clock.sleptMs, 5_000);
  });

  it("does not go back when the wall clock does, and sees a sleep after that", async () => {
    const { world, runtime, clock } = machine();
    const before = clock.now();
    runtime.jumpWall(-3_600_000);
    assert.equal(clock.now() - before, 0);
    runtime.suspend();
    await world.pass(2_000);
    runtime.resume();
    assert.equal(clock.now() - before, 2_000);
  });

  it("takes no count of milliseconds that the wall clock is nudged by, but of many of them", async () => {
    const { world, runtime, clock } = machine();
    for (let turn = 0; turn < 100; turn++) {
      runtime.jumpWall(turn % 2 === 0 ? 3 : -3);
      await world.pass(10);
      clock.now();
    }
    assert.equal(clock.sleptMs, 0);
    for (let turn = 0; turn < 100; turn++) {
      runtime.jumpWall(1);
      clock.now();
    }
    assert.ok(clock.sleptMs >= 50 && clock.sleptMs <= 100, String(clock.sleptMs));
  });
});
