import assert from "node:assert/strict";
import { accessName, permissionsOf } from "#operator/etcd-admin/namespace-access.ts";

describe("the user of a namespace", () => {
  it("is never called as the namespace itself", () => {
    assert.equal(accessName("root"), "ns:root");
  });

  it("has a name that a certificate can bear, and no other namespace's", () => {
    const long = "n".repeat(63);
    const names = [accessName(long), accessName(`${"n".repeat(62)}m`), accessName("n".repeat(61))];
    assert.ok(names.every((name) => name.length <= 64));
    assert.equal(new Set(names).size, 3);
    assert.match(names[0] ?? "", /^ns:sha256:[0-9a-f]{48}$/);
  });

  it("reaches no namespace whose name begins alike", () => {
    for (const { range } of permissionsOf("a")) {
      const other = [
        ...["/holdfast/v1/data/a-b/x", "/holdfast/v1/data/ab/x", "/holdfast/v1/data/a.b/x"],
        ...["/holdfast/v1/spec/ab/x", "/holdfast/v1/spec/a-b/x"],
      ];
      const { key, end } = range;
      const reached = other.filter((one) =>
        end === undefined ? one === key : one >= key && one < end,
      );
      assert.deepEqual(reached, []);
    }
  });
});
