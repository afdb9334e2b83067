import assert from "node:assert/strict";
import { describe, it } from "mocha";
import {
  guaranteedUntil,
  lies,
  readRecord,
  type AppRecord,
  type RecordLine,
} from "#test/support/app-record.ts";

const lock = "1";
const line = (
  at: number,
  kind: RecordLine["kind"],
  more: Partial<RecordLine> = {},
): RecordLine => ({
  ...{ at, wall: at, kind, lock },
  ...more,
});
/** Asked at once, told 10 ms later. */
const granted = (at: number, id: string, fence: string): RecordLine =>
  line(at + 10, "granted", { id, fence, guaranteedFor: "5s", askedAt: at });

const rules = (...records: readonly AppRecord[]): string[] => [
  ...new Set(lies(records).map(({ rule }) => rule)),
];

describe("what apps wrote down of their locks", () => {
  const first: AppRecord = {
    pod: "a",
    lines: [
      granted(0, "a-1", "10"),
      line(510, "told", { id: "a-1", askedAt: 500, guaranteedFor: "5s" }),
    ],
  };
  const next = (at: number, fence = "11"): AppRecord => ({
    pod: "b",
    lines: [granted(at, "b-1", fence)],
  });

  it("is no lie where the next was granted after all that the first was guaranteed", () => {
    assert.deepEqual(rules(first, next(5_500)), []);
    assert.equal(guaranteedUntil(first, "a-1"), 5_500);
  });

  it("shows one who was granted within a guarantee, whatever the order of the records", () => {
    assert.deepEqual(rules(next(5_480), first), ["exclusion"]);
  });

  it("shows one who was told that he holds after the next was granted", () => {
    const late = line(9_010, "told", { id: "a-1", askedAt: 9_000, guaranteedFor: "0s" });
    assert.deepEqual(rules({ pod: "a", lines: [...first.lines, late] }, next(6_000)), [
      "exclusion",
    ]);
  });

  it("counts a guarantee no longer after its release was sent, or its app had ended", () => {
    const releasing = { pod: "a", lines: [...first.lines, line(600, "releasing", { id: "a-1" })] };
    assert.deepEqual(rules(releasing, next(700)), []);
    assert.deepEqual(rules(releasing, next(580)), ["exclusion"]);
    assert.deepEqual(rules({ ...first, lastBreath: 600 }, next(700)), []);
    assert.deepEqual(rules({ ...first, lastBreath: 600 }, next(580)), ["exclusion"]);
  });

  it("shows a fence that did not grow", () => {
    assert.deepEqual(rules(first, next(6_000, "10")), ["fences"]);
  });

  it("is read without a line that is still being written", () => {
    const text = JSON.stringify(line(1, "started"));
    assert.deepEqual(readRecord(`${text}\n{"at":2,"ki`), [line(1, "started")]);
    assert.deepEqual(readRecord(""), []);
  });
});
