import assert from "node:assert/strict";
import fc from "fast-check";
import {
  durationCharsMax,
  durationMsComparable,
  durationMsMax,
  durationPattern,
  durationPatternComparable,
  formatDuration,
  parseDurationMs,
  readDurationMs,
} from "#api/fields/duration.ts";

describe("a duration", () => {
  const readings: readonly (readonly [string, number | undefined])[] = [
    ["0s", 0],
    ["500ms", 500],
    ["5s", 5_000],
    ["1m30s", 90_000],
    ["1h", 3_600_000],
    ["1h0m0s", 3_600_000],
    ["30s1m", 90_000],
    ["1.5h", 5_400_000],
    ["0.1s", 100],
    ["29.983s", 29_983],
    ["0.001m", 60],
    ["", undefined],
    ["0", undefined],
    ["5", undefined],
    ["-5s", undefined],
    ["+5s", undefined],
    [" 5s", undefined],
    ["5s ", undefined],
    ["5 s", undefined],
    ["5S", undefined],
    ["5d", undefined],
    ["s", undefined],
    [".5s", undefined],
    ["5.s", undefined],
    ["1.5ms", undefined],
    ["0.0001s", undefined],
    ["5us", undefined],
    ["1e3s", undefined],
    ["٥s", undefined],
    ["9999999999999999h", undefined],
    ["2562047788h", undefined],
    ["1s".repeat(17), undefined],
  ];
  for (const [text, ms] of readings) {
    it(`'${text}' is ${ms === undefined ? "none" : `${ms} ms`}`, () => {
      assert.equal(readDurationMs(text), ms);
    });
  }

  it("is read back as it was written", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: durationMsMax }), (ms) => {
        assert.equal(readDurationMs(formatDuration(ms)), ms);
      }),
    );
  });

  it("is read where the schema's pattern takes it, and nowhere else", () => {
    const pattern = new RegExp(durationPattern);
    const piece = fc.constantFrom("0", "1", "90", "1.5", ".", "h", "m", "s", "ms", "-", " ", "u");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const text = pieces.join("");
        assert.equal(readDurationMs(text) !== undefined, pattern.test(text), text);
      }),
    );
  });

  const comparable = new RegExp(durationPatternComparable);

  it("is comparable for the API server as long as it is not longer than any of ours", () => {
    const number = fc.tuple(
      fc.constantFrom("", "0", "000"),
      fc.nat(durationMsComparable).map(String),
    );
    const part = fc.tuple(
      number,
      fc.constantFrom("", ".5", ".001"),
      fc.constantFrom("h", "m", "s"),
    );
    const parts = fc.array(fc.oneof(part, fc.tuple(number, fc.constant(""), fc.constant("ms"))), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(parts, (written) => {
        const text = written.map(([[zeros, n], rest, unit]) => zeros + n + rest + unit).join("");
        const ms = readDurationMs(text);
        if (ms !== undefined && ms <= durationMsComparable) assert.match(text, comparable);
      }),
    );
    assert.match(formatDuration(durationMsComparable), comparable);
  });

  it("is not comparable for the API server where that could not read it", () => {
    const pieces = ["99999.999h", "99999h", "9999999.999m", "9999999m", "999999999.999s"];
    const piece = fc.constantFrom(...pieces, "999999999s", "99999999999ms", "9h", "9s", "00");
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 8 }), (written) => {
        const text = written.join("").slice(0, durationCharsMax);
        if (comparable.test(text)) assert.ok(readDurationMs(text) !== undefined, text);
      }),
    );
  });

  it("is written in its shortest form", () => {
    const written = [0, 1, 999, 1_000, 29_983, 60_000, 90_000, 3_600_000, 5_400_000, 3_600_001];
    assert.deepEqual(written.map(formatDuration), [
      ...["0s", "1ms", "999ms", "1s", "29.983s", "1m", "1m30s", "1h", "1h30m", "1h0.001s"],
    ]);
  });

  it("is never written longer than it is", () => {
    assert.equal(formatDuration(999.999), "999ms");
    assert.equal(formatDuration(0.5), "0s");
    assert.equal(formatDuration(-1), "0s");
    assert.throws(() => formatDuration(Number.POSITIVE_INFINITY), RangeError);
    assert.throws(() => formatDuration(Number.NaN), RangeError);
  });

  it("that was checked before is a bug when it cannot be read", () => {
    assert.equal(parseDurationMs("1m"), 60_000);
    assert.throws(() => parseDurationMs("1 minute"), /'1 minute' is no duration/);
  });
});
