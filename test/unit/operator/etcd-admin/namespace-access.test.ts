import assert from "node:assert/strict";
import { accessName, namespaceOfRole, rightsOf } from "#operator/etcd-admin/namespace-access.ts";

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
    for (const { key, end } of rightsOf("a")) {
      const other = [
        ...["/holdfast/v1/data/a-b/x", "/holdfast/v1/data/ab/x", "/holdfast/v1/data/a.b/x"],
        ...["/holdfast/v1/spec/ab/x", "/holdfast/v1/spec/a-b/x"],
      ];
      const reached = other.filter((one) => (end === "" ? one === key : one >= key && one < end));
      assert.deepEqual(reached, []);
    }
  });

  it("is known by its role's rights, also where its name is hashed", () => {
    const long = "n".repeat(63);
    for (const namespace of ["shop", "root", long])
      assert.equal(namespaceOfRole(accessName(namespace), rightsOf(namespace)), namespace);
  });

  it("is nobody's where its role is called like one of ours and says something else", () => {
    assert.equal(namespaceOfRole("ns:shop", []), undefined);
    assert.equal(namespaceOfRole("ns:shop", rightsOf("other")), undefined);
    assert.equal(namespaceOfRole("ns:shop", rightsOf("shop").slice(0, 1)), undefined);
    const theirs = { access: "Readwrite", key: "/shop/x", end: "" } as const;
    assert.equal(namespaceOfRole("ns:shop", [theirs]), undefined);
    assert.equal(namespaceOfRole("ns:shop", [...rightsOf("shop"), theirs]), "shop");
  });
});
