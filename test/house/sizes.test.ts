/** The middle, where the risk is, stays small enough to be read in an afternoon. */
import assert from "node:assert/strict";
import { lineCount, sourceFiles } from "#tools/house/tree.ts";
import { nothing } from "./support/nothing.ts";

const coreLinesMax = 3_000;
const fileLinesMax = 500;

describe("sizes", () => {
  it(`core/ stays below ${coreLinesMax} lines`, () => {
    const lines = sourceFiles()
      .filter((file) => file.startsWith("core/"))
      .reduce((sum, file) => sum + lineCount(file), 0);
    assert.ok(
      lines < coreLinesMax,
      `core/ has ${lines} lines. What in it is not a rule of Holdfast?`,
    );
  });

  it(`no source file has more than ${fileLinesMax} lines`, () => {
    const large = sourceFiles().filter((file) => lineCount(file) > fileLinesMax);
    nothing(large, "Which two ideas do these hold?");
  });
});
