import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { done, refused, type Outcome } from "#core/outcome.ts";
import { revision, type RangeRead, type Snapshot } from "#core/store.ts";
import { provesNothingWritten } from "#etcd/no-space.ts";
import type { TxnRequest } from "#etcd/batch.ts";

const before = revision(10n);
const value = new Uint8Array();

/** Keys with the revisions in which they were written last. */
function stored(keys: Readonly<Record<string, bigint>>, asked: string[] = []) {
  return async (ranges: readonly RangeRead[]): Promise<Outcome<Snapshot>> => {
    asked.push(...ranges.map(({ key }) => key));
    const found = ranges.map(({ key }) => {
      const at = keys[key];
      if (at === undefined) return { keys: [], count: 0 };
      const mod = revision(at);
      return {
        keys: [{ key, value, createRevision: mod, modRevision: mod, lease: undefined }],
        count: 1,
      };
    });
    return done(
      { revision: revision(20n), ranges: found },
      { cluster: "1", revision: revision(20n) },
    );
  };
}

const put = (key: string) => ({ kind: "putDurable", key, value }) as const;
const request = (change: Partial<TxnRequest>): TxnRequest => ({
  ...{ when: [], then: [], otherwise: [] },
  ...change,
});

describe("a write of which etcd says that its space is exceeded", () => {
  it("was not carried out where none of its keys was written since", async () => {
    const both = request({ then: [put("/a"), put("/b"), { kind: "delete", key: "/c" }] });
    assert.equal(await provesNothingWritten(both, before, stored({ "/a": 10n, "/c": 15n })), true);
  });

  it("may have been where one was, in whatever part", async () => {
    const nested = { kind: "nested", when: [], then: [put("/n")], otherwise: [put("/m")] } as const;
    const all = request({ then: [put("/a"), nested], otherwise: [put("/o")] });
    for (const key of ["/a", "/n", "/m", "/o"])
      assert.equal(await provesNothingWritten(all, before, stored({ [key]: 11n })), false, key);
  });

  it("may have been where that cannot be read", async () => {
    const read = async () => refused({ code: "notSent", message: "" });
    assert.equal(await provesNothingWritten(request({ then: [put("/a")] }), before, read), false);
  });

  it("is looked for in as many reads as its keys need, each key once", async () => {
    const names = Array.from({ length: 200 }, (_, at) => `/${at}`);
    const asked: string[] = [];
    const many = request({ then: names.map(put), otherwise: names.map(put) });
    assert.equal(await provesNothingWritten(many, before, stored({ "/199": 11n }, asked)), false);
    assert.deepEqual(asked, names);
  });

  it("is not looked for where it puts nothing", async () => {
    const asked: string[] = [];
    const deletes = request({ then: [{ kind: "delete", key: "/a" }] });
    assert.equal(await provesNothingWritten(deletes, before, stored({}, asked)), true);
    assert.deepEqual(asked, []);
  });
});
