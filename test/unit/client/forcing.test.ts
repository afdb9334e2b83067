import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { HoldfastError } from "#client/holdfast.ts";
import { json, lost, never, problem, refused, Stage, type Fate } from "./stage.ts";

const said = (outcome: string): Fate => json(200, { lock: "orders/42", outcome, holders: [] });

describe("a forced release", () => {
  /** What it came to, and when. */
  const forced = async (
    fates: readonly (Fate | typeof never)[],
    options: Parameters<Stage["locks"]["forceRelease"]>[1],
  ) => {
    const stage = new Stage();
    const left = [...fates];
    stage.sidecar = () => left.shift() ?? assert.fail("it was asked once more");
    const ended = stage.locks.forceRelease("42", options).then(
      ({ outcome }) => outcome,
      (error: unknown) => {
        assert.ok(HoldfastError.is(error), String(error));
        return error;
      },
    );
    const outcome = await stage.world.until(ended);
    assert.equal(left.length, 0, "it was asked fewer times");
    return { outcome, got: stage.got, tookMs: stage.world.nowMs };
  };

  it("is asked with what is told, and nothing else", async () => {
    const options = { grace: 1_500, fence: "65536", wait: "1m", breakGuarantee: false } as const;
    const { got, outcome } = await forced([said("released")], options);
    assert.equal(outcome, "released");
    assert.deepEqual(
      got.map(({ method, path, fields, lane }) => ({ method, path, fields, lane })),
      [
        {
          method: "POST",
          path: "/v1/locks/orders/42/force-release",
          fields: { grace: "1.5s", fence: "65536", wait: "1m", breakGuarantee: false },
          lane: "long",
        },
      ],
    );
    const plain = await forced([said("requested")], {});
    assert.deepEqual([plain.got[0]?.fields, plain.got[0]?.lane], [{}, "short"]);
    const unread = new Stage().locks.forceRelease("42", { wait: "soon" });
    await assert.rejects(unread, /wait: 'soon' is no duration/);
  });

  it("is answered for as long as it waits, and ten seconds more", async () => {
    const late = await forced([{ ...said("released"), afterMs: 69_000 }], { wait: "1m" });
    assert.equal(late.outcome, "released");
    const { tookMs, outcome } = await forced([never], { wait: "1m" });
    assert.equal(tookMs, 70_000);
    assert.ok(HoldfastError.is(outcome, "outcome_unknown"));
  });

  it("is asked once more after a lost answer with a fence, for what is left of its wait", async () => {
    const silent = { ...lost, afterMs: 20_000 };
    for (const first of [silent, { ...problem(504, "outcome_unknown"), afterMs: 20_000 }]) {
      const options = { wait: "1m", fence: "65536" };
      const { got, outcome } = await forced([first, said("vacant")], options);
      assert.equal(outcome, "vacant");
      assert.deepEqual(
        got.map(({ fields }) => fields),
        [options, { ...options, wait: "40s" }],
      );
    }
  });

  it("is asked once and told as unknown after a lost answer without a fence", async () => {
    for (const first of [lost, problem(504, "outcome_unknown")]) {
      const { outcome } = await forced([first], { breakGuarantee: true });
      assert.ok(HoldfastError.is(outcome, "outcome_unknown"));
      assert.equal(outcome.facts["lock"], "orders/42");
      assert.match(outcome.message, /not asked again.*with the fence of whom you mean/);
    }
  });

  it("stays unknown where the second is not carried out either, whatever it is told", async () => {
    for (const second of [lost, refused, problem(503, "draining"), problem(403, "not_admin")]) {
      const { outcome } = await forced([lost, second], { fence: "65536" });
      assert.ok(HoldfastError.is(outcome, "outcome_unknown"));
      assert.match(outcome.message, /Ask again: with a fence that ends nobody else/);
    }
  });

  it("tells at once what refused it, and that nothing was sent", async () => {
    const no = await forced([problem(403, "not_admin", { pool: "orders" })], { fence: "65536" });
    assert.ok(HoldfastError.is(no.outcome, "not_admin"));
    assert.ok(HoldfastError.is((await forced([refused], {})).outcome, "sidecar_unreachable"));
  });
});
