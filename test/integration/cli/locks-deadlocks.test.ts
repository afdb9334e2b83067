/** `holdfast locks deadlocks`: circles of owners, as a person sees them. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { cli } from "#test/support/cli-process.ts";
import { acquire, hold, queued, release } from "#test/support/lock-calls.ts";
import { mutex } from "#test/support/sidecar-process.ts";
import { startTwoPods, type TwoPods } from "#test/support/two-pods.ts";
import { urlOf } from "../client/support.ts";

describe("holdfast locks deadlocks", function () {
  this.timeout(60_000);
  let pods: TwoPods;

  before(async () => {
    pods = await startTwoPods([mutex("accounts")]);
  });

  after(() => pods[Symbol.asyncDispose]());

  const run = (...args: string[]) => cli(["locks", "deadlocks", ...args], { url: urlOf(pods.a) });

  it("says that there are none, with 0", async () => {
    const none = { code: 0, out: "", err: "No owners wait for each other in a circle.\n" };
    assert.deepEqual(await run(), none);
    const json = await run("-o", "json");
    assert.deepEqual([json.code, JSON.parse(json.out)], [0, { deadlocks: [] }]);
    const wrong = await run("accounts");
    assert.deepEqual([wrong.code, wrong.out], [2, ""]);
  });

  it("spells each circle out from owner over lock to owner, and each wait of it", async () => {
    const { a, b } = pods;
    const [one, two] = [
      await hold(a, "accounts/1", { owner: "transfer-1", holder: "alice" }),
      await hold(b, "accounts/2", { owner: "transfer-2" }),
    ];
    // Closed, so that these end when their callers go.
    const going = new AbortController();
    const { signal } = going;
    const waits = [
      acquire(a, "accounts/2", { owner: "transfer-1", holder: "alice", wait: "1m", signal }),
    ];
    await queued(a, "accounts/2", 1);
    waits.push(acquire(b, "accounts/1", { owner: "transfer-2", wait: "1m", signal }));
    await queued(b, "accounts/1", 1);
    // One who waits for itself.
    const three = await hold(a, "accounts/3", { owner: "transfer-3" });
    waits.push(acquire(a, "accounts/3", { owner: "transfer-3", wait: "1m", signal }));
    await queued(a, "accounts/3", 1);
    const { code, out, err } = await run();
    assert.deepEqual([code, err], [0, ""]);
    const lines = out.split("\n").map((line) => line.replace(/for \d+s$/, "for Ns"));
    assert.deepEqual(lines, [
      "transfer-1 → accounts/2 → transfer-2 → accounts/1 → transfer-1",
      "  transfer-1 (alice in pod-a) waits for accounts/2 behind transfer-2, for Ns",
      "  transfer-2 (pod-b) waits for accounts/1 behind transfer-1, for Ns",
      "",
      "transfer-3 → accounts/3 → transfer-3",
      "  transfer-3 (pod-a) waits for accounts/3 behind transfer-3, for Ns",
      "",
    ]);
    const json = JSON.parse((await run("-o", "json")).out) as { deadlocks: unknown[] };
    assert.equal(json.deadlocks.length, 2);
    going.abort();
    await Promise.allSettled(waits);
    await release(a, one);
    await release(b, two);
    await release(a, three);
  });
});
