import assert from "node:assert/strict";
import { heldText } from "#cli/child/progress.ts";
import { ageOf, tableText } from "#cli/table.ts";

describe("a table", () => {
  it("has columns as wide as what is in them, and no blanks at line ends", () => {
    const columns = [
      { head: "A", of: ([one]: readonly string[]) => one ?? "" },
      { head: "WIDE", wide: true, of: () => "w" },
      { head: "LONG", of: ([, two]: readonly string[]) => two ?? "" },
    ] as const;
    const rows = [
      ["longer", "x"],
      ["y", ""],
    ];
    assert.equal(tableText(columns, rows, false), "A        LONG\nlonger   x\ny\n");
    assert.equal(tableText(columns, [["y", "z"]], true), "A   WIDE   LONG\ny   w      z\n");
  });

  it("shows nothing that moves the cursor", () => {
    const columns = [{ head: "A", of: (text: string) => text }];
    assert.equal(tableText(columns, ["a\u{1b}[2Jb\nc"], false), "A\na\u{fffd}[2Jb\u{fffd}c\n");
    const lock = { lock: "p/l", holders: [], waiters: [] };
    assert.equal(heldText(lock), "free");
    const holder = { holder: "a\u{7}b", pod: "p", mode: "exclusive", permits: 1 } as const;
    const since = new Date().toISOString();
    const held = { ...lock, holders: [{ ...holder, since, fence: "1", localWaiters: 3 }] };
    assert.match(heldText(held), /^held by a\u{fffd}b \(p\) for 0s, 3 wait$/u);
  });

  it("tells ages as kubectl does", () => {
    const nowMs = Date.parse("2026-01-10T00:00:00Z");
    const age = (seconds: number) => ageOf(new Date(nowMs - seconds * 1_000).toISOString(), nowMs);
    const ages = [-5, 0, 119, 125, 180, 605, 3_600, 3_660, 36_060, 172_800, 176_400].map(age);
    const wanted = ["0s", "0s", "119s", "2m5s", "3m", "10m", "1h", "1h1m", "10h", "2d", "2d1h"];
    assert.deepEqual(ages, wanted);
    assert.equal(ageOf("never", nowMs), "-");
  });
});
