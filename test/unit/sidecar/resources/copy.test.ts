import assert from "node:assert/strict";
import { describe, it } from "mocha";
import fc from "fast-check";
import type { Epoch } from "#core/runtime.ts";
import { readRecord, type ResourceRecord } from "#core/spec/records.ts";
import { revision } from "#core/store.ts";
import { copyBytesMax, decodeCopy, encodeCopy, type Copy } from "#sidecar/resources/copy.ts";

const text = new TextEncoder();

interface Written {
  readonly level?: number;
  readonly spec?: unknown;
}

function recordOf(name: string, { level = 1, spec = { mode: "Mutex", ttl: "7s" } }: Written = {}) {
  const value = { uid: `uid-${name}`, generation: 3, level, spec, publishedAt: 1 };
  const kv = {
    key: `/holdfast/v1/spec/default/DistributedLock/${name}`,
    value: text.encode(JSON.stringify(value)),
    ...{ createRevision: revision(5), modRevision: revision(7), lease: undefined },
  };
  return readRecord(kv, "DistributedLock", name);
}

function copyOf(records: readonly ResourceRecord[]): Copy {
  return {
    writtenAt: 1_700_000_000_000 as Epoch,
    records,
  };
}

function unusable(bytes: Uint8Array, namespace = "default"): string {
  const read = decodeCopy(bytes, namespace);
  return read.kind === "unusable" ? read.reason : assert.fail(`it was ${read.kind}`);
}

describe("the copy of the resources", () => {
  it("says what was written there: records with their specs", () => {
    const copy = copyOf([recordOf("orders"), recordOf("größe")]);
    const { bytes, leftOut } = encodeCopy(copy, "default");
    assert.equal(leftOut, 0);
    assert.deepEqual(decodeCopy(bytes, "default"), { kind: "usable", copy });
  });

  it("is judged anew by who reads it: a record that is too new or broken is so there, too", () => {
    const records = [recordOf("modern", { level: 99 }), recordOf("broken", { spec: { ttl: 1 } })];
    const read = decodeCopy(encodeCopy(copyOf(records), "default").bytes, "default");
    assert.ok(read.kind === "usable");
    assert.deepEqual(
      read.copy.records.map(({ problem }) => problem?.code),
      ["tooNew", "invalid"],
    );
  });

  it("holds nothing by which anybody could act in its writer's name", () => {
    const { bytes } = encodeCopy(copyOf([recordOf("orders")]), "default");
    const body = JSON.parse(Buffer.from(bytes).toString().split("\n")[1] ?? "") as object;
    assert.deepEqual(Object.keys(body).sort(), ["namespace", "records", "writtenAt"]);
  });

  it("is not used for another namespace, nor in a newer format", () => {
    const { bytes } = encodeCopy(copyOf([]), "default");
    assert.match(unusable(bytes, "other"), /is of namespace 'default', not of 'other'/);
    const newer = Buffer.from(bytes).toString().replace("holdfast-copy 1 ", "holdfast-copy 2 ");
    assert.match(unusable(text.encode(newer)), /has format 2; this sidecar reads 1/);
  });

  it("is not used where a byte is missing or is another", () => {
    const { bytes } = encodeCopy(copyOf([recordOf("orders")]), "default");
    for (let end = 0; end < bytes.length; end++) unusable(bytes.subarray(0, end));
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Uint8Array.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 0x04;
      unusable(damaged);
    }
  });

  it("may hold anything: reading it never throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assert.equal(decodeCopy(bytes, "default").kind, "unusable");
      }),
    );
    // What this version wrote and does not understand, under a right fingerprint: a bug, and no crash.
    const strange = { ...copyOf([]), writtenAt: 1e300 as Epoch };
    assert.match(unusable(encodeCopy(strange, "default").bytes), /does not understand/);
  });

  it("stays within its bound, and counts what found no room", () => {
    const spec = { mode: "Mutex", limits: { wait: "30s", names: 10_000 }, ttl: "30s" };
    const many = Array.from({ length: 20_000 }, (_, at) => recordOf(`pool-${at}`, { spec }));
    const huge = recordOf("huge", { spec: { note: "x".repeat(copyBytesMax) } });
    const { bytes, leftOut } = encodeCopy(copyOf([huge, ...many]), "default");
    assert.ok(bytes.length <= copyBytesMax, String(bytes.length));
    const read = decodeCopy(bytes, "default");
    assert.ok(read.kind === "usable");
    assert.equal(read.copy.records.length + leftOut, many.length + 1);
    assert.ok(read.copy.records.length > 10_000, String(read.copy.records.length));
    assert.equal(read.copy.records[0]?.name, "pool-0");
  });
});
