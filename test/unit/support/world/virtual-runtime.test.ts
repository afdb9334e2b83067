import assert from "node:assert/strict";
import fc from "fast-check";
import { after, forever, sleep } from "#core/runtime.ts";
import { World } from "#test/support/world/world.ts";
import type { VirtualRuntime } from "#test/support/world/virtual-runtime.ts";

interface Stage {
  readonly world: World;
  readonly process: VirtualRuntime;
  /** World times at which timers fired. */
  readonly fired: number[];
  fireIn(ms: number): void;
}

function stage(seed = "stage"): Stage {
  const world = new World(seed);
  const process = world.runtime("p");
  const fired: number[] = [];
  return {
    world,
    process,
    fired,
    fireIn: (ms) => {
      process.timer(after(process.now(), ms), () => fired.push(world.nowMs));
    },
  };
}

describe("a virtual process", () => {
  exerciseTimers();
  exerciseStops();
  exerciseClocks();
});

function exerciseTimers(): void {
  it("fires a timer at its time, never from within the call", async () => {
    const { world, process, fired } = stage();
    process.timer(process.now(), () => fired.push(world.nowMs));
    process.timer(after(process.now(), -5), () => fired.push(world.nowMs));
    process.timer(after(process.now(), 7), () => fired.push(world.nowMs));
    process.timer(forever, () => assert.fail("never"));
    assert.deepEqual(fired, []);
    await world.run(100);
    assert.deepEqual(fired, [0, 0, 7]);
  });

  it("never fires a cancelled timer, however late it is cancelled", async () => {
    const { world, process } = stage();
    const timer = process.timer(after(process.now(), 5), () => assert.fail("cancelled"));
    process.timer(after(process.now(), 4), () => timer.cancel());
    await world.run(100);
    timer.cancel();
  });

  it("never fires early, at any rate of its clock", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0.5, max: 2, noNaN: true }),
        fc.double({ min: 0, max: 1_000_000, noNaN: true }),
        fc.double({ min: 0, max: 10_000, noNaN: true }),
        async (monotonicRate, monotonicOffsetMs, ms) => {
          const world = new World("rate");
          const process = world.runtime("p", { monotonicRate, monotonicOffsetMs });
          await world.run(ms / 7);
          const at = after(process.now(), ms);
          let shown: number | undefined;
          process.timer(at, () => {
            shown = process.now();
          });
          await world.run(25_000);
          assert(shown !== undefined && shown >= at && shown < at + 1, String(shown));
        },
      ),
    );
  });

  it("sleeps in virtual time", async () => {
    const { world, process } = stage();
    await world.until(sleep(process, 86_400_000), 86_400_000);
    assert.equal(world.nowMs, 86_400_000);
  });
}

function exerciseStops(): void {
  it("that is paused fires what was due when it goes on, in order; its clock went on", async () => {
    const { world, process, fired, fireIn } = stage();
    const start = process.now();
    for (const ms of [30, 10, 20, 200]) fireIn(ms);
    await world.run(5);
    process.pause();
    await world.run(100);
    assert.deepEqual(fired, []);
    process.resume();
    await world.run(300);
    assert.deepEqual(fired, [100, 100, 100, 200]);
    assert.equal(process.now() - start, 300);
  });

  it("that is suspended has a monotonic clock that stands still, and a wall clock that goes on", async () => {
    const { world, process, fired, fireIn } = stage();
    const start = { mono: process.now(), wall: process.wallNow() };
    fireIn(10);
    await world.run(5);
    process.suspend();
    await world.run(1_000);
    assert.equal(process.now() - start.mono, 5);
    assert.equal(process.wallNow() - start.wall, 1_000);
    process.resume();
    await world.run(2_000);
    assert.deepEqual(fired, [1_005]);
    assert.equal(process.now() - start.mono, 1_005);
  });

  it("that is killed never does anything again", async () => {
    const { world, process, fired, fireIn } = stage();
    fireIn(10);
    process.deliver(() => fired.push(-1));
    process.kill();
    process.deliver(() => fired.push(-2));
    fireIn(20);
    process.resume();
    await world.run(100);
    assert.deepEqual(fired, [-1]);
    assert.equal(process.state, "killed");
  });

  it("hears what came while it was stopped when it goes on, in order, before what comes then", async () => {
    const { world, process } = stage();
    const heard: string[] = [];
    process.pause();
    for (const name of ["a", "b", "c"]) process.deliver(() => heard.push(name));
    await world.run(10);
    assert.equal(heard.length, 0);
    process.resume();
    process.deliver(() => heard.push("d"));
    await world.run(20);
    assert.deepEqual(heard, ["a", "b", "c", "d"]);
  });

  it("can be stopped again before it has heard all", async () => {
    const { world, process } = stage();
    const heard: string[] = [];
    process.pause();
    process.deliver(() => {
      heard.push("a");
      world.in(0, () => undefined);
    });
    process.deliver(() => process.pause());
    process.deliver(() => heard.push("c"));
    process.resume();
    await world.run(10);
    assert.deepEqual(heard, ["a"]);
    process.resume();
    await world.run(20);
    assert.deepEqual(heard, ["a", "c"]);
  });

  it("may hear before its timers fire, or after: both happen", async () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      const { world, process } = stage(`wake/${String(seed)}`);
      const seen: string[] = [];
      process.timer(after(process.now(), 5), () => seen.push("timer"));
      process.pause();
      process.deliver(() => seen.push("answer"));
      await world.run(10);
      process.resume();
      await world.run(20);
      orders.add(seen.join());
    }
    assert.deepEqual([...orders].sort(), ["answer,timer", "timer,answer"]);
  });

  it("that does not run cannot be stopped", () => {
    const { process } = stage();
    process.pause();
    assert.throws(() => process.suspend(), /is paused/);
  });
}

function exerciseClocks(): void {
  it("has clocks of its own", async () => {
    const world = new World("clocks");
    const fast = world.runtime("fast", { monotonicRate: 1.01, wallOffsetMs: 5_000 });
    const slow = world.runtime("slow", { monotonicRate: 0.99, wallRate: 0.5 });
    const start = { fast: fast.now(), slow: slow.now(), wall: slow.wallNow() };
    assert.equal(fast.wallNow() - slow.wallNow(), 5_000);
    await world.run(10_000);
    assert.equal(Math.round(fast.now() - start.fast), 10_100);
    assert.equal(Math.round(slow.now() - start.slow), 9_900);
    assert.equal(slow.wallNow() - start.wall, 5_000);
  });

  it("fires its timers by its clock when that changes its rate", async () => {
    const { world, process, fired, fireIn } = stage();
    fireIn(100);
    await world.run(50);
    process.setMonotonicRate(0.5);
    await world.run(1_000);
    assert.deepEqual(fired, [150]);
  });

  it("has a wall clock that somebody can set, which moves no timer", async () => {
    const { world, process, fired, fireIn } = stage();
    const wall = process.wallNow();
    fireIn(10);
    process.jumpWall(-3_600_000);
    assert.equal(process.wallNow() - wall, -3_600_000);
    await world.run(20);
    assert.deepEqual(fired, [10]);
  });

  it("draws numbers of its own, the same for its name and seed", () => {
    const draw = (seed: string, name: string): string => new World(seed).runtime(name).randomId(16);
    assert.equal(draw("s", "p"), draw("s", "p"));
    assert.notEqual(draw("s", "p"), draw("s", "q"));
    assert.notEqual(draw("s", "p"), draw("t", "p"));
    const world = new World("s");
    world.runtime("another").random();
    assert.equal(world.runtime("p").randomId(16), draw("s", "p"));
  });
}
