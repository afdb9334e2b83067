import assert from "node:assert/strict";
import { parseBackendSpec, backend } from "#api/resources/backend.ts";
import { distributedLock, parseDistributedLockSpec } from "#api/resources/distributed-lock.ts";
import { kinds } from "#api/resources/kinds.ts";

describe("the example of a kind", () => {
  const reads = [
    { kind: distributedLock, read: parseDistributedLockSpec },
    { kind: backend, read: parseBackendSpec },
  ] as const;

  for (const { kind, read } of reads) {
    it(`is one that this version serves: ${kind.kind}`, () => {
      assert.deepEqual(read(kind.example.spec, "spec").ok, true);
    });
  }

  it("is there for each", () => {
    assert.deepEqual(
      kinds.map(({ kind }) => kind),
      reads.map(({ kind }) => kind.kind),
    );
  });
});
