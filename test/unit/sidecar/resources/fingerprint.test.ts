import assert from "node:assert/strict";
import fc from "fast-check";
import { fingerprint, fnv1a } from "#sidecar/resources/fingerprint.ts";

describe("the fingerprint of a file", () => {
  it("is FNV-1a", () => {
    const published = { "": 0x811c9dc5, a: 0xe40c292c, foobar: 0xbf9cf968 };
    for (const [text, hash] of Object.entries(published))
      assert.equal(fnv1a(Buffer.from(text)), hash);
  });

  it("is another when a byte is another, added or gone", () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(bytes, fc.nat(), fc.integer({ min: 1, max: 255 }), (before, where, change) => {
        const changed = new Uint8Array(before);
        const at = where % before.length;
        changed[at] = before[at]! ^ change;
        const others = [changed, before.subarray(1), Uint8Array.from([...before, change])];
        for (const other of others) assert.notEqual(fingerprint(other), fingerprint(before));
        assert.equal(fingerprint(new Uint8Array(before)), fingerprint(before));
      }),
    );
  });
});
