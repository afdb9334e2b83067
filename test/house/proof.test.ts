/** The tests that a page names as proof are there, under these names. */
import assert from "node:assert/strict";
import path from "node:path";
import { text } from "#tools/house/tree.ts";
import { nothing } from "./support/nothing.ts";

const page = "docs/proof-operator.md";
const named = [...text(page).matchAll(/\[([^\]]+)\]\((\S+\.test\.ts)\)/g)];

/** The titles of a file's tests and of what they are about. */
function titlesOf(file: string): Set<string> {
  const calls = text(file).matchAll(/\b(?:describe|it)\(\s*("(?:[^"\\]|\\.)*")/g);
  return new Set([...calls].map(([, quoted = '""']) => JSON.parse(quoted) as string));
}

describe(`the proof in ${page}`, () => {
  it("names tests, and a line that names none says so", () => {
    assert.ok(named.length > 0);
    const rows = text(page)
      .split("\n")
      .filter((line) => /^\| (?!what holds|---)/.test(line));
    nothing(
      rows.filter((row) => !row.includes(".test.ts)") && !row.includes("**no test yet**")),
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
