/** What `.ci/run` answers is what a landing is judged by: its code and its last line, whatever `make check` did. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";

interface Said {
  readonly code: number | null;
  readonly last: string | undefined;
}

/** Runs the real script with a `make` in front of the PATH that prints and ends as told. */
const runWith = (lines: readonly string[], code: number): Said => {
  const folder = mkdtempSync(path.join(tmpdir(), "holdfast-ci-"));
  try {
    const make = path.join(folder, "make");
    const prints = lines.map((line) => `echo '${line}'`);
    writeFileSync(make, ["#!/bin/sh", ...prints, `exit ${String(code)}`, ""].join("\n"));
    chmodSync(make, 0o755);
    const { PATH } = process.env;
    const env = { ...process.env, PATH: `${folder}:${PATH ?? ""}` };
    const ran = spawnSync(path.resolve(".ci/run"), { env, encoding: "utf8", timeout: 30_000 });
    return { code: ran.status, last: ran.stdout.trimEnd().split("\n").at(-1) };
  } finally {
    rmSync(folder, { recursive: true });
  }
};

describe(".ci/run", () => {
  const all = "12 passed, 0 failed, 0 skipped";

  it("succeeds when everything passed, and says so last", () => {
    assert.deepEqual(runWith(["  unit  3 s", all], 0), { code: 0, last: all });
  });

  it("fails when the check ended with another code, though its totals are clean", () => {
    assert.deepEqual(runWith([all, "make: *** [check] Error 1"], 2), { code: 1, last: all });
  });

  it("fails when a test failed", () => {
    const totals = "11 passed, 1 failed, 0 skipped";
    assert.deepEqual(runWith([totals], 0), { code: 1, last: totals });
  });

  it("fails when no totals were printed", () => {
    const none = "0 passed, 1 failed, 0 skipped";
    assert.deepEqual(runWith(["cut off"], 0), { code: 1, last: none });
  });
});
