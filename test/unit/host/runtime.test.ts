import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { after, forever } from "#core/runtime.ts";
import { realRuntime } from "#host/runtime.ts";
import { silentLog } from "./silent-log.ts";

describe("the runtime of a real machine", () => {
  const runtime = realRuntime(silentLog);

  it("never fires a timer early, however often it is asked", async () => {
    const waits = Array.from({ length: 200 }, (_, i) => {
      const due = after(runtime.now(), 1 + (i % 40) / 7);
      return new Promise<number>((resolve) => {
        runtime.timer(due, () => {
          resolve(runtime.now() - due);
        });
      });
    });
    for (const lateMs of await Promise.all(waits))
      assert.ok(lateMs >= 0, `${String(lateMs)} ms late`);
  });

  it("never fires a timer from within the call that sets it", async () => {
    let inside = true;
    const fired = new Promise<boolean>((resolve) => {
      runtime.timer(after(runtime.now(), -1000), () => {
        resolve(inside);
      });
    });
    inside = false;
    assert.equal(await fired, false);
  });

  it("keeps a wait longer than Node's own timers can hold from firing at once", async () => {
    let fired = false;
    const warnings: string[] = [];
    const warned = (warning: Error) => warnings.push(warning.name);
    process.on("warning", warned);
    const long = runtime.timer(after(runtime.now(), 2 ** 31 + 5), () => (fired = true));
    const endless = runtime.timer(forever, () => (fired = true));
    await new Promise<void>((resolve) => runtime.timer(after(runtime.now(), 5), resolve));
    assert.equal(fired, false);
    long.cancel();
    endless.cancel();
    process.off("warning", warned);
    assert.deepEqual(warnings, []);
  });

  it("does not fire what was cancelled, also when it was cancelled twice", async () => {
    let fired = false;
    const due = after(runtime.now(), 1);
    const timer = runtime.timer(due, () => (fired = true));
    timer.cancel();
    timer.cancel();
    await new Promise<void>((resolve) => runtime.timer(after(due, 2), resolve));
    assert.equal(fired, false);
  });

  it("gives random ids of the length asked for", () => {
    assert.match(runtime.randomId(8), /^[0-9a-f]{16}$/);
    assert.notEqual(runtime.randomId(8), runtime.randomId(8));
  });
});
