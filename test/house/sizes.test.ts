/** The middle, where the risk is, stays small enough to be read in an afternoon. */
import assert from "node:assert/strict";
import { codeLineCount, lineCount, sourceFiles } from "#tools/house/tree.ts";
import { nothing } from "./support/nothing.ts";

/** Of code: comments and blank lines are free. See docs/decisions/0008-size-of-core.md. */
const coreLinesMax = 8_050;
const fileLinesMax = 500;

describe("sizes", () => {
  it(`core/ stays below ${coreLinesMax} lines of code`, () => {
    const lines = sourceFiles()
      .filter((file) => file.startsWith("core/"))
      .reduce((sum, file) => sum + codeLineCount(file), 0);
    assert.ok(
      lines < coreLinesMax,
      `core/ has ${lines} lines of code. What in it is not a rule of Holdfast?`,
    );
  });

  it(`no source file has more than ${fileLinesMax} lines`, () => {
    const large = sourceFiles().filter((file) => lineCount(file) > fileLinesMax);
    nothing(large, "Which two ideas do these hold?");
  });
});
