import assert from "node:assert/strict";
import fc from "fast-check";
import { forms, isPlain, quote, utf8Bytes } from "#api/fields/text.ts";

describe("a text", () => {
  it("is as many bytes as its encoding", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        assert.equal(utf8Bytes(text), Buffer.byteLength(text));
      }),
    );
  });

  it("is plain without control characters and halves of characters", () => {
    for (const text of ["", "42", "ä/ö", "😀", "a b", "\u00a0", "\ud7ff\ue000"]) {
      assert.equal(isPlain(text), true, JSON.stringify(text));
    }
    for (const text of [
      "\u0000",
      "a\n",
      "\u007f",
      "\u0085",
      "\ud800",
      "\udc00",
      "\ud800a",
      "\udc00\ud800",
      "\udc00\udc00",
    ]) {
      assert.equal(isPlain(text), false, JSON.stringify(text));
    }
  });

  it("is plain exactly where the schema's pattern takes it", () => {
    const pattern = new RegExp(forms.plain.pattern);
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        assert.equal(isPlain(text), text.isWellFormed() && pattern.test(text));
      }),
    );
  });

  it("is a name where Kubernetes takes it as one", () => {
    const { label, subdomain } = forms;
    for (const name of ["a", "orders", "a-b", "0", "a0-9z"]) assert.ok(label.accepts(name), name);
    for (const name of ["", "-a", "a-", "A", "a.b", "a_b", "ä"])
      assert.ok(!label.accepts(name), name);
    for (const name of ["a.b", "orders.v1"]) assert.ok(subdomain.accepts(name), name);
    for (const name of [".a", "a.", "a..b", "a.-b"]) assert.ok(!subdomain.accepts(name), name);
  });

  it("is quoted within bounds and on one line", () => {
    assert.equal(quote("orders"), "'orders'");
    assert.equal(quote("a\nb"), "'a\\nb'");
    assert.ok(quote("x".repeat(10_000)).length < 80);
    assert.ok(isPlain(quote("x".repeat(63) + "😀".repeat(9))));
  });
});
