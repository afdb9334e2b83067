import assert from "node:assert/strict";
import type { Instant } from "#core/runtime.ts";
import { revision } from "#core/store.ts";
import { Freshness } from "#etcd/freshness.ts";

const at = (ms: number) => ms as Instant;

describe("the freshness of a watch stream", () => {
  it("is not doubted while progress reaches what was known when it was asked for", () => {
    const freshness = new Freshness(at(0));
    for (let now = 5_000; now < 100_000; now += 5_010) {
      assert.equal(freshness.due(at(now)), true);
      freshness.askedProgress(at(now), revision(now));
      // Much was written meanwhile: that counts the next time.
      freshness.progressed(at(now + 10), revision(now));
      assert.equal(freshness.judge(at(now + 4_999)), undefined);
    }
  });

  it("is doubted when progress stays below a known revision for 2 s", () => {
    const freshness = new Freshness(at(0));
    freshness.askedProgress(at(5_000), revision(10));
    freshness.progressed(at(5_001), revision(9));
    assert.equal(freshness.due(at(5_501)), true);
    freshness.askedProgress(at(5_501), revision(10));
    freshness.progressed(at(5_502), revision(9));
    assert.equal(freshness.judge(at(7_000)), undefined);
    assert.match(freshness.judge(at(7_001)) ?? "", /behind revision 10/);
  });

  it("is not doubted for a member that is a little behind each time, and catches up", () => {
    const freshness = new Freshness(at(0));
    for (let now = 5_000; now < 20_000; now += 500) {
      freshness.askedProgress(at(now), revision(now));
      freshness.progressed(at(now + 1), revision(now - 400));
      assert.equal(freshness.judge(at(now + 499)), undefined);
    }
  });

  it("is doubted when nothing answers for 5 s, however often one asks", () => {
    const freshness = new Freshness(at(0));
    for (let now = 5_000; now < 10_000; now += 1_000) {
      assert.equal(freshness.due(at(now)), true);
      freshness.askedProgress(at(now), revision(1));
      assert.equal(freshness.judge(at(now)), undefined);
    }
    assert.match(freshness.judge(at(10_000)) ?? "", /nothing was heard/);
  });

  it("is not doubted while events come, though a request for progress was dropped", () => {
    const freshness = new Freshness(at(0));
    freshness.askedProgress(at(5_000), revision(1));
    freshness.heard(at(9_000), revision(2));
    assert.equal(freshness.judge(at(11_000)), undefined);
  });
});
