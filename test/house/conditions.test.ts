/** Every reason of a condition is explained, and nothing is explained that cannot happen. */
import assert from "node:assert/strict";
import { reasons } from "#operator/conditions/condition.ts";
import { text } from "#tools/house/tree.ts";

const page = "docs/operations/conditions.md";

describe("conditions", () => {
  it("have a heading for each of their reasons, and no other", () => {
    const wanted = Object.entries(reasons).flatMap(([type, ofType]) => [
      `## ${type}`,
      ...ofType.map((reason) => `### ${type}: ${reason}`),
    ]);
    const written = text(page)
      .split("\n")
      .filter((line) => /^##+ /.test(line));
    assert.deepEqual(
      written,
      wanted,
      `Headings of ${page} beside operator/conditions/condition.ts`,
    );
  });

  it("have only reasons that something gives", () => {
    const sources = [
      ...["accepted", "backend-reachable", "programmed", "ready", "lagging", "stalled"],
    ].map((file) => text(`operator/conditions/${file}.ts`));
    const unused = Object.values(reasons)
      .flat()
      .filter((reason) => !sources.some((source) => source.includes(`"${reason}"`)));
    assert.deepEqual(unused, []);
  });
});
