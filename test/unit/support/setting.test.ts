import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "mocha";
import { countSetting, numberSetting } from "#test/support/setting.ts";

const tests = join(import.meta.dirname, "../..");

/** As make runs it. */
function run(program: string, env: Readonly<Record<string, string>>) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(tests, program)], {
    ...{ encoding: "utf8", timeout: 30_000 },
    env: { ...process.env, ...env },
  });
  return { status, stdout, stderr };
}

describe("a number that a run is asked for", function () {
  this.timeout(60_000);
  for (const [program, name, usual, what] of [
    ["simulation/main.ts", "RUNS", "10000", "a whole number from 1"],
    ["faults/main.ts", "SECONDS", "300", "a number above 0"],
  ] as const) {
    it(`ends ${program} with 2 and a line that says what ${name} is to be, where it is none`, () => {
      for (const given of ["abc", "0", "-5", "1e3x"]) {
        const stderr = `${name}=${given}: it is to be ${what}, such as ${name}=${usual}.\n`;
        assert.deepEqual(run(program, { [name]: given }), { status: 2, stdout: "", stderr });
      }
    });
  }

  it("is the usual one where nothing is given, and may have a part where it is no count", () => {
    assert.equal(countSetting("HOLDFAST_TEST_SETTING", "10000"), 10_000);
    process.env["HOLDFAST_TEST_SETTING"] = "0.5";
    try {
      assert.equal(numberSetting("HOLDFAST_TEST_SETTING", "300"), 0.5);
    } finally {
      delete process.env["HOLDFAST_TEST_SETTING"];
    }
  });

  it("is served: a simulation of two schedules runs two", () => {
    const { status, stdout } = run("simulation/main.ts", { RUNS: "2", SEED: "1" });
    assert.match(stdout, /^2 of 2 schedules hold/);
    assert.equal(status, 0);
  });
});
