/** Requests that are asked again under one id while the first still waits. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import type { AcquireRequest } from "#core/lock/views.ts";
import { forOneself } from "./process.ts";
import { processOf, quietStage } from "./quiet-stage.ts";

const lock = { pool: "orders", name: "42", requestId: "r" } as const;

describe("a requestId", () => {
  it("of a wait is refused for another that names an owner, or another owner: it is granted once", async () => {
    const stage = await quietStage("request-ids/owner", 1);
    const { world } = stage;
    const process = processOf(stage, 0);
    const ask = (more: Partial<AcquireRequest>) =>
      process.acquire({ ...lock, ...forOneself, waitMs: 60_000, hold: "session", ...more }).answer;
    const first = await world.until(ask({ requestId: "holds it" }));
    assert.ok(first.kind === "answered" && first.value.kind === "granted");
    const waits = ask({ owner: "o" });
    await world.pass(100);
    for (const others of [{}, { owner: "another" }]) {
      const told = await world.until(ask(others));
      assert.ok(told.kind === "refused" && told.code === "request_reused", JSON.stringify(told));
    }
    const again = ask({ owner: "o" });
    await world.pass(100);
    await world.until(process.release(first.value.grant.grantId));
    const told = await world.until(Promise.all([waits, again]));
    const ids = told.map((one) =>
      one.kind === "answered" && one.value.kind === "granted" ? one.value.grant.grantId : one.kind,
    );
    assert.equal(new Set(ids).size, 1, JSON.stringify(told));
    process.kill();
    assert.deepEqual(stage.history.violations, []);
  });
});
