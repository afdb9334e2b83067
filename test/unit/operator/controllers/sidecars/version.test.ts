import assert from "node:assert/strict";
import fc from "fast-check";
import { isOlder } from "#operator/controllers/sidecars/version.ts";

/** As the page of Semantic Versioning orders them, and a few more. */
const ordered = [
  ...["0.1.0", "0.9.0", "0.10.0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta"],
  ...["1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "2.0.0"],
];

describe("versions of ours", () => {
  it("are ordered by number, and what leads to a release comes before it", () => {
    for (const [i, a] of ordered.entries())
      for (const [j, b] of ordered.entries()) assert.equal(isOlder(a, b), i < j, `${a} and ${b}`);
  });

  it("are the same whatever is built of them", () => {
    assert.equal(isOlder("1.0.0+a", "1.0.0+b"), false);
  });

  it("are not compared with what is none", () => {
    for (const text of ["", "main", "1.0", "v1.0.0", "1.0.0-", "01.0.0.0"]) {
      assert.equal(isOlder(text, "1.0.0"), undefined, text);
      assert.equal(isOlder("1.0.0", text), undefined, text);
    }
  });

  it("are never older than each other", () => {
    const version = fc
      .tuple(fc.nat(3), fc.nat(3), fc.constantFrom("", "-1", "-a", "-a.1", "-a.b", "-1.a"))
      .map(([minor, patch, pre]) => `1.${minor}.${patch}${pre}`);
    fc.assert(
      fc.property(version, version, (a, b) => {
        const both = [isOlder(a, b), isOlder(b, a)];
        assert.deepEqual(both.filter((one) => one === true).length, a === b ? 0 : 1);
      }),
    );
  });
});
