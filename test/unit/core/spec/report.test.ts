import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeJson } from "#core/json.ts";
import type { Epoch } from "#core/runtime.ts";
import {
  encodeReport,
  readReport,
  reportKey,
  reportsOf,
  type ResourceReport,
  type SidecarReport,
} from "#core/spec/report.ts";
import { revision, type KeyValue } from "#core/store.ts";

const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 });
const count = fc.nat();
const revisions = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(revision);

const resource: fc.Arbitrary<ResourceReport> = fc.record(
  {
    kind: name,
    name,
    revision: revisions,
    problem: fc.constantFrom("tooNew", "invalid"),
    held: count,
    waiting: count,
    oldestWaitSince: fc.nat({ max: 4e12 }).map((at) => at as Epoch),
  },
  { requiredKeys: ["kind", "name", "revision", "held", "waiting"], noNullPrototype: true },
);

const report: fc.Arbitrary<SidecarReport> = fc.record(
  {
    session: fc.stringMatching(/^[0-9a-f]{20}$/),
    version: name,
    level: fc.nat({ max: 1_000 }),
    pod: name,
    node: name,
    applied: revisions,
    resources: fc.array(resource, { maxLength: 5 }),
    leftOut: count,
  },
  {
    requiredKeys: ["session", "version", "level", "pod", "applied", "resources", "leftOut"],
    noNullPrototype: true,
  },
);

function at(key: string, value: Uint8Array): KeyValue {
  const one = revision(1);
  return { key, value, createRevision: one, modRevision: one, lease: undefined };
}

const key = reportKey("default", "s");
const good = { session: "s", version: "1", level: 1, pod: "p", applied: "5", leftOut: 0 };
const read = (value: object) => readReport(at(key, encodeJson(value)));

describe("a sidecar's report", () => {
  it("is read as it was written", () => {
    fc.assert(
      fc.property(report, (written) => {
        const kv = at(reportKey("default", written.session), encodeReport(written));
        assert.deepEqual(readReport(kv), written);
      }),
    );
  });

  it("stands in the range of its namespace alone", () => {
    const { key: from, end } = reportsOf("default");
    assert.ok(key >= from && end !== undefined && key < end);
    assert.ok(reportKey("default-2", "s") >= end || reportKey("default-2", "s") < from);
  });

  it("is never more than undefined where anything else was written", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.jsonValue(), (bytes, json) => {
        assert.equal(readReport(at(key, bytes)), undefined);
        readReport(at(key, encodeJson({ value: json, resources: json })));
        readReport(at(key, encodeJson({ ...good, resources: json, applied: json, node: json })));
      }),
    );
    assert.equal(readReport(at(key, encodeJson(["s"]))), undefined);
  });

  it("of another session than its key's is none", () => {
    assert.equal(read({ ...good, session: "t" }), undefined);
    assert.equal(read({ ...good, session: 7 }), undefined);
  });

  it("shows what cannot be read as nothing, which claims the least", () => {
    const odd = { ...good, applied: "-5", level: 1.5, pod: 7, leftOut: -1, resources: {} };
    const nothing = { level: 0, pod: "", leftOut: 0, resources: [], applied: revision(0) };
    assert.deepEqual(read(odd), { ...good, ...nothing });
  });

  it("leaves out a resource without a name, and takes an unknown problem for one", () => {
    const orders = { kind: "K", name: "orders", revision: "3", held: 1, waiting: -1 };
    const resources = [null, 7, [], { kind: "K" }, { ...orders, problem: "later" }];
    assert.deepEqual(read({ ...good, resources })?.resources, [
      { ...orders, revision: revision(3), waiting: 0, problem: "invalid" },
    ]);
  });

  it("is read up to a bound", () => {
    const many = Array.from({ length: 10_500 }, () => ({ kind: "K", name: "n", revision: "1" }));
    assert.equal(read({ ...good, resources: many })?.resources.length, 10_000);
    const long = { kind: "K", name: "n".repeat(1_000), revision: "1", held: 0, waiting: 0 };
    assert.equal(read({ ...good, resources: [long] })?.resources[0]?.name.length, 253);
    assert.equal(read({ ...good, resources: Array.from({ length: 600 }, () => long) }), undefined);
  });
});
