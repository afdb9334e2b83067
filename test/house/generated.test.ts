/** What is made from a source is as its source is now. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";

function run(args: readonly string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  return { status, output: stdout + stderr };
}

describe("generated files", () => {
  it("are what make generate makes", function () {
    this.timeout(120_000);
    const { status, output } = run(["tools/generate/main.ts", "--check"]);
    assert.equal(status, 0, `Run make generate.\n${output}`);
  });

  it("show the rooms as they are", () => {
    const { status, output } = run(["tools/rooms.ts", "--check"]);
    assert.equal(status, 0, output);
  });
});
