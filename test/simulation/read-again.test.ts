import assert from "node:assert/strict";
import { forOneself } from "./process.ts";
import { processOf, quietStage } from "./quiet-stage.ts";

/** What is asked in the very moment in which the resources are to be read anew. */
async function askedMeanwhile(
  waitMs: number,
  then: "goesOn" | "drains" = "goesOn",
): Promise<string> {
  const stage = await quietStage(`read-again/${waitMs}/${then}`, 1);
  const process = processOf(stage, 0);
  const { promise, resolve } = Promise.withResolvers<string>();
  process.runtime.deliver(() => {
    const { specs, locks } = process.kernel;
    specs.forget();
    assert.equal(specs.isReady, false);
    locks
      .acquire(
        { pool: "orders", name: "42", ...forOneself, waitMs, hold: "ttl" },
        new AbortController().signal,
      )
      .then(
        ({ kind }) => {
          resolve(kind);
        },
        (error: unknown) => {
          resolve(String((error as { readonly code?: string }).code));
        },
      );
    if (then === "drains") void process.drain();
  });
  const answer = await stage.world.until(promise);
  for (const one of stage.processes) one.kill();
  return answer;
}

describe("an acquire while the resources are read again", () => {
  it("waits for them, where it may wait", async () => {
    assert.equal(await askedMeanwhile(5_000), "granted");
  });

  it("hears that they are not read, where it only tries", async () => {
    assert.equal(await askedMeanwhile(0), "not_ready");
  });

  it("ends when the sidecar drains", async () => {
    assert.equal(await askedMeanwhile(5_000, "drains"), "draining");
  });
});
