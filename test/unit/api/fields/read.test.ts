import assert from "node:assert/strict";
import {
  boolean,
  duration,
  integer,
  list,
  object,
  stringMap,
  text,
  timestamp,
  type Field,
} from "#api/fields.ts";
import { describeProblem, problemsMax, readerOf, type FieldProblem } from "#api/fields/read.ts";

function read(field: Field, value: unknown): { value: unknown; told: string[] } {
  const problems: FieldProblem[] = [];
  const result = readerOf(field, "text")(value, "f", problems);
  return { value: result, told: problems.map(describeProblem) };
}

describe("a reader", () => {
  const about = "A field.";
  const count = integer({ about, min: 1, max: 9 });
  const labels = stringMap({ about, entriesMax: 2, keyBytesMax: 4, valueBytesMax: 4 });
  const pair = object({
    about,
    fields: { a: count, b: text({ about, form: "plain", optional: true }) },
  });
  const pairs = list({ about, items: pair, itemsMax: 2, keyedBy: "a" });

  const refusals: readonly (readonly [string, Field, unknown, string])[] = [
    [
      "text for a number",
      count,
      "3",
      "f: '3' is not a whole number; use a whole number from 1 to 9",
    ],
    [
      "a fraction",
      count,
      1.5,
      "f: the number 1.5 is not a whole number; use a whole number from 1 to 9",
    ],
    ["too little", count, 0, "f: 0 is below the least; use a whole number from 1 to 9"],
    ["too much", count, 10, "f: 10 is above the most; use a whole number from 1 to 9"],
    [
      "a word for a truth",
      boolean({ about }),
      "yes",
      "f: 'yes' is neither true nor false; use true or false",
    ],
    ["no map", labels, [], "f: a list is not a map; write names with texts"],
    ["a crowded map", labels, { a: "", b: "", c: "" }, "f: has 3 entries; use at most 2"],
    [
      "a long name",
      labels,
      { abcde: "" },
      "f: the name 'abcde' is not accepted; use 1 to 4 bytes without control characters",
    ],
    ["a long entry", labels, { a: "ääa" }, "f.a: has 5 bytes; use at most 4 bytes of UTF-8"],
    ["half a character", labels, { a: "\ud800" }, "f.a: '\\ud800' is not text; write a text"],
    ["no object", pair, "x", "f: 'x' is not an object; write its fields: a, b"],
    ["a missing field", pair, {}, "f.a: is missing; write it"],
    [
      "a wrong inner field",
      pair,
      { a: 1, b: 2 },
      "f.b: the number 2 is not text; write text of 0 to 65536 bytes",
    ],
    ["no list", pairs, {}, "f: an object is not a list; write a list"],
    ["a long list", pairs, [{}, {}, {}], "f: has 3 items; use at most 2"],
    [
      "a wrong item",
      pairs,
      [{ a: 1 }, { a: 0 }],
      "f[1].a: 0 is below the least; use a whole number from 1 to 9",
    ],
    [
      "a repeated key",
      pairs,
      [{ a: 1 }, { a: 1 }],
      "f[1]: stands twice in the list; write it once",
    ],
    [
      "no moment",
      timestamp({ about }),
      "today",
      "f: 'today' is not a moment; write it as RFC 3339 does: '2025-01-31T12:00:00Z'",
    ],
  ];
  for (const [what, field, value, told] of refusals) {
    it(`names ${what}`, () => {
      assert.deepEqual(read(field, value), { value: undefined, told: [told] });
    });
  }

  it("takes null as absent, as the API server does", () => {
    assert.deepEqual(read(pair, { a: 1, b: null }), { value: { a: 1 }, told: [] });
    assert.deepEqual(read(pair, { a: null }).told, ["f.a: is missing; write it"]);
  });

  it("keeps names that objects of JavaScript know, and is not taken in by inherited ones", () => {
    const written: unknown = JSON.parse('{"__proto__":"x"}');
    const wide = stringMap({ about, entriesMax: 2, keyBytesMax: 9, valueBytesMax: 4 });
    assert.equal(JSON.stringify(read(wide, written).value), '{"__proto__":"x"}');
    const told = read(pair, JSON.parse('{"a":1,"__proto__":{"b":"x"},"constructor":1}')).told;
    assert.equal(told.length, 2);
    assert.match(told.join("\n"), /^f\.__proto__: .*\nf\.constructor: /);
  });

  it("finds no field in what an object inherits", () => {
    const inherited = object({
      about,
      fields: { constructor: text({ about, form: "plain", optional: true }) },
    });
    assert.deepEqual(read(inherited, {}), { value: {}, told: [] });
  });

  it("stops telling after a while", () => {
    const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`x${index}`, 1]));
    assert.equal(read(pair, many).told.length, problemsMax);
  });

  it("compares what it supports by meaning", () => {
    const none = duration({ about, default: "0s", min: "0s", max: "1h", supported: ["0s"] });
    assert.deepEqual(read(none, "0ms").told, []);
    assert.deepEqual(read(none, "1s").told, [
      "f: '1s' is not supported yet by this version; use '0s'",
    ]);
    assert.deepEqual(read(none, "2h").told, [
      "f: '2h' is above the most; use a duration from 0s to 1h",
    ]);
  });
});
