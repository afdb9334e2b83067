/** The tests that pages name as proof are there, under these names. */
import assert from "node:assert/strict";
import path from "node:path";
import { text } from "#tools/house/tree.ts";
import { nothing } from "./support/nothing.ts";

const pages = ["docs/proof-locks.md", "docs/proof-operator.md", "docs/proof-installation.md"];

/** The titles of a file's tests and of what they are about. */
function titlesOf(file: string): Set<string> {
  const calls = text(file).matchAll(/\b(?:describe|it)\(\s*("(?:[^"\\]|\\.)*")/g);
  return new Set([...calls].map(([, quoted = '""']) => JSON.parse(quoted) as string));
}

for (const page of pages)
  describe(`the proof in ${page}`, () => {
    const named = [...text(page).matchAll(/\[([^\]]+)\]\((\S+\.test\.ts)\)/g)];

    it("names tests, and a line that names none says so", () => {
      assert.ok(named.length > 0);
      const rows = text(page)
        .split("\n")
        .filter((line) => /^\| (?!what holds|---)/.test(line));
      nothing(
        rows.filter(
          (row) => !row.includes(".test.ts)") && !/\*\*(no test|not shown) yet\*\*/.test(row),
        ),
        "Name a test for each of these.",
      );
    });

    it("names only tests that there are", () => {
      const missing = named.filter(([, title = "", target = ""]) => {
        return !titlesOf(path.posix.join(path.posix.dirname(page), target)).has(title);
      });
      nothing(
        missing.map(([, title, target]) => `${target}: ${title}`),
        "Say by which test it is shown now.",
      );
    });
  });
