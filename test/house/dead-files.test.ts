/** A file that nothing imports and nothing runs is taken out, not kept. */
import path from "node:path";
import { isSource, projectFiles, text } from "#tools/house/tree.ts";
import { graphOf } from "#tools/rooms/graph.ts";
import { readTable } from "#tools/rooms/table.ts";
import { nothing } from "./support/nothing.ts";

/** The bugs that are remembered are read as a folder, each by its own test. */
const isEntry = (file: string): boolean =>
  path.basename(file) === "main.ts" ||
  file.endsWith(".test.ts") ||
  file.startsWith("test/faults/memory/");

describe("the source tree", () => {
  it("has no file that nothing imports and nothing runs", async function () {
    // All sources are parsed.
    this.timeout(120_000);
    const { modules } = await graphOf(readTable());
    const imported = new Set(
      modules.flatMap((module) =>
        module.dependencies
          .map((dependency) => dependency.resolved)
          .filter((to) => to !== module.source),
      ),
    );
    const files = projectFiles().filter((file) =>
      /\.(ts|cjs|mjs|json|sh|yaml)$|^Makefile$|^\.ci\//.test(file),
    );
    const texts = files.map((file) => ({ file, content: text(file) }));
    // A program is named where it is run: in the Makefile, or in the source that spawns it.
    const isNamed = (file: string): boolean =>
      texts.some((other) => other.file !== file && other.content.includes(file));
    const dead = files.filter(
      (file) => isSource(file) && !isEntry(file) && !imported.has(file) && !isNamed(file),
    );
    nothing(dead, "Import them, run them, or take them out.");
  });
});
