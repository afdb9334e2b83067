import assert from "node:assert/strict";
import { findings, type FindingReason } from "#operator/injection/reasons.ts";
import { backend } from "#api/resources/backend.ts";
import type { Tally } from "#operator/controllers/sidecars/decide.ts";
import { Listing } from "#operator/controllers/sidecars/listing.ts";

const names = (count: number) => Array.from({ length: count }, (_, at) => `pod-${at}`);
const tally = (found: Partial<Record<FindingReason, number>> = {}, injected = 0): Tally => ({
  injected,
  found: {
    Missing: names(found.Missing ?? 0),
    OldVersion: names(found.OldVersion ?? 0),
    OldTemplate: names(found.OldTemplate ?? 0),
  },
});

describe("the list of pods", () => {
  it("has the worst first, then where there are most, and says how many there are", () => {
    const listing = new Listing();
    listing.set("b", tally({ OldVersion: 9, OldTemplate: 1 }, 12));
    listing.set("c", tally({ Missing: 1 }));
    listing.set("a", tally({ Missing: 7 }, 3));
    listing.set("quiet", tally({}, 5));
    const { list = [], ...counts } = listing.status();
    assert.deepEqual(counts, { injected: 20, missing: 8, oldVersion: 9, oldTemplate: 1 });
    assert.deepEqual(
      list.map(({ namespace, reason, pods }) => `${reason} ${namespace} ${pods}`),
      ["Missing a 7", "Missing c 1", "OldVersion b 9", "OldTemplate b 1"],
    );
    assert.deepEqual(list[0]?.names, names(5));
  });

  it("is empty again when all is as it should be", () => {
    const listing = new Listing();
    listing.set("a", tally({ Missing: 1 }, 1));
    listing.set("a", tally({}));
    assert.deepEqual(listing.status(), { injected: 0, missing: 0, oldVersion: 0, oldTemplate: 0 });
    assert.deepEqual(listing.samples(), []);
  });

  it("is bounded, and counts what it has no place for", () => {
    const listing = new Listing();
    for (let at = 0; at < 300; at++) listing.set(`n${at}`, tally({ Missing: 1 + (at % 7) }));
    const { list = [], unlisted, missing } = listing.status();
    assert.equal(list.length, 50);
    assert.equal(unlisted, 250);
    assert.ok(list.every(({ pods }) => pods === 7 || pods === 6));
    const samples = listing.samples();
    assert.equal(samples.length, 201);
    const sum = samples.reduce((all, { value }) => all + value, 0);
    assert.equal(sum, missing);
    assert.deepEqual(samples.at(-1)?.labels, ["", "Missing"]);
  });

  it("knows the reasons that the resource has", () => {
    const text = JSON.stringify(backend.status);
    for (const reason of Object.keys(findings)) assert.ok(text.includes(`"${reason}":`), reason);
  });
});
