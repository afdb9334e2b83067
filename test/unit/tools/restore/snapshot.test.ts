import assert from "node:assert/strict";
import { minorOf } from "#tools/restore/snapshot.ts";

describe("the version that a snapshot is restored for", () => {
  it("is its own, or a newer one where that is asked for", () => {
    assert.equal(minorOf("3.7.0", undefined), "3.7");
    assert.equal(minorOf("3.6.0", undefined), "3.6");
    assert.equal(minorOf("3.6.0", "3.7"), "3.7");
    assert.equal(minorOf("", "3.6"), "3.6");
  });

  it("is none that goes back, leaves one out, or is not known here", () => {
    assert.throws(() => minorOf("3.7.0", "3.6"), /^NotRestored: --etcd 3.6 does not open/);
    assert.throws(() => minorOf("", undefined), /before 3.6.*give --etcd 3.6/);
    assert.throws(() => minorOf("", "3.7"), /before 3.6.*give --etcd 3.6/);
    assert.throws(() => minorOf("3.8.0", undefined), /--snapshot is of etcd 3.8.0/);
  });
});
