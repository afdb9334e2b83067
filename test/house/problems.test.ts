/** Every problem that the API promises can happen. */
import { problems } from "#api/problems.ts";
import { sourceFiles, text } from "#tools/house/tree.ts";
import { nothing } from "./support/nothing.ts";

describe("api/problems.ts", () => {
  it("has no code that nothing answers with", () => {
    const texts = sourceFiles()
      .filter((file) => file !== "api/problems.ts" && !file.startsWith("test/house/"))
      .map(text);
    const unused = Object.keys(problems).filter(
      (code) => !texts.some((source) => source.includes(`"${code}"`)),
    );
    nothing(unused, "Answer with them, or take them out.");
  });
});
