import assert from "node:assert/strict";
import { judgeVersion } from "#etcd/version.ts";

describe("the version of a server", () => {
  for (const version of ["3.5.33", "3.6.14", "3.7.1", "3.7.3", "3.8.0", "3.10.0", "4.0.0"]) {
    it(`is good enough: ${version}`, () => {
      assert.equal(judgeVersion(version).warning, undefined);
    });
  }

  for (const version of ["3.4.31", "3.4.99", "3.5.13", "3.5.32", "3.6.0", "3.6.13", "3.7.0"]) {
    it(`has known faults, and says so: ${version}`, () => {
      assert.match(judgeVersion(version).warning ?? "", /known faults/);
    });
  }

  for (const version of ["3.4.23", "3.4.30", "3.5.12", "3.3.27", "2.3.8"]) {
    it(`proves no exclusion, and says so: ${version}`, () => {
      assert.match(judgeVersion(version).warning ?? "", /is not proven/);
    });
  }

  it("is a reason to warn where it is not told, or cannot be read", () => {
    assert.match(judgeVersion(undefined).warning ?? "", /does not tell/);
    assert.match(judgeVersion("latest").warning ?? "", /'latest'/);
  });

  it("decides whether progress can be believed", () => {
    const believed = ["3.4.25", "3.4.31", "3.5.8", "3.6.0", "3.7.3"];
    const not = ["3.4.23", "3.4.24", "3.5.7", "3.3.27", undefined];
    assert.deepEqual(
      believed.filter((version) => !judgeVersion(version).exactProgress),
      [],
    );
    assert.deepEqual(
      not.filter((version) => judgeVersion(version).exactProgress),
      [],
    );
  });

  it("may end in what a distribution adds", () => {
    assert.equal(judgeVersion("3.7.3+git").warning, undefined);
    assert.equal(judgeVersion("v3.7.3-rc.0").warning, undefined);
  });
});
