import assert from "node:assert/strict";
import fc from "fast-check";
import { World } from "#test/support/world/world.ts";

describe("a world", () => {
  it("lets things happen in order of time, those of one time as they were put down", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(20), { maxLength: 50 }), async (times) => {
        const world = new World("order");
        const happened: { readonly atMs: number; readonly index: number }[] = [];
        times.forEach((atMs, index) => world.at(atMs, () => happened.push({ atMs, index })));
        await world.run(20);
        const wanted = times
          .map((atMs, index) => ({ atMs, index }))
          .sort((a, b) => a.atMs - b.atMs || a.index - b.index);
        assert.deepEqual(happened, wanted);
        assert.equal(world.steps, times.length);
      }),
    );
  });

  it("lets all that follows in promises happen before the next step", async () => {
    const world = new World("microtasks");
    const seen: string[] = [];
    const chain = async (): Promise<void> => {
      for (let at = 0; at < 50; at++) await Promise.resolve();
      seen.push("first, in promises");
    };
    world.at(1, () => {
      seen.push("first");
      void chain();
    });
    world.at(1, () => seen.push("second"));
    await world.run(1);
    assert.deepEqual(seen, ["first", "first, in promises", "second"]);
  });

  it("shows the time of what happens, and stops where it was told to", async () => {
    const world = new World("time");
    const times: number[] = [];
    for (const atMs of [5, 10, 15]) world.at(atMs, () => times.push(world.nowMs));
    await world.run(10);
    assert.deepEqual(times, [5, 10]);
    assert.equal(world.nowMs, 10);
    await world.pass(100);
    assert.deepEqual(times, [5, 10, 15]);
    assert.equal(world.nowMs, 110);
  });

  it("settles what is due without letting time pass", async () => {
    const world = new World("settle");
    const seen: string[] = [];
    world.in(0, () => {
      seen.push("now");
      world.in(0, () => seen.push("now, too"));
      world.in(1, () => seen.push("later"));
    });
    await world.settle();
    assert.deepEqual(seen, ["now", "now, too"]);
    assert.equal(world.nowMs, 0);
  });

  it("does not do what was cancelled", async () => {
    const world = new World("cancel");
    const appointment = world.at(5, () => assert.fail("it was cancelled"));
    world.at(1, () => appointment.cancel());
    await world.run(10);
    assert.equal(world.steps, 1);
  });

  it("lets time pass until a promise settles, and no longer", async () => {
    const world = new World("until");
    const later = new Promise<string>((resolve) => {
      world.at(7, () => resolve("seven"));
    });
    world.at(9, () => assert.fail("too far"));
    assert.equal(await world.until(later), "seven");
    assert.equal(world.nowMs, 7);
    await assert.rejects(world.until(Promise.reject(new Error("no"))), /no/);
  });

  it("says when a promise can never settle", async () => {
    const world = new World("never");
    await assert.rejects(world.until(new Promise(() => undefined)), /stays open/);
  });

  it("hands on what a step throws, and can go on after it", async () => {
    const world = new World("throws");
    let reached = false;
    world.at(1, () => {
      throw new Error("broken step");
    });
    world.at(2, () => {
      reached = true;
    });
    await assert.rejects(world.run(5), /broken step/);
    await world.run(5);
    assert.equal(reached, true);
  });

  it("refuses to be run twice at once, and two processes of one name", async () => {
    const world = new World("twice");
    world.runtime("a");
    assert.throws(() => world.runtime("a"), /exists already/);
    const running = world.run(1);
    await assert.rejects(world.run(1), /running already/);
    await running;
  });

  it("keeps what its processes log, with the time", async () => {
    const world = new World("log");
    const process = world.runtime("p");
    world.at(3, () => process.log.warn("watch out", { revision: 7n, name: "x" }));
    await world.run(5);
    assert.match(world.journal.print(), /3\.000 p +warn +watch out revision="?7"? name=x/);
    assert.equal(world.journal.lines("q").length, 0);
  });
});
