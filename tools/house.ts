/** The five largest files and functions, outside the tests: where the next split is due. */
import { functionsOf } from "./house/functions.ts";
import { lineCount, sourceFiles } from "./house/tree.ts";

const shown = 5;
const ours = sourceFiles().filter((file) => !file.startsWith("test/"));

const files = ours
  .map((file) => ({ file, lines: lineCount(file) }))
  .toSorted((one, other) => other.lines - one.lines)
  .slice(0, shown);
const functions = ours
  .flatMap(functionsOf)
  .toSorted((one, other) => other.lines - one.lines)
  .slice(0, shown);
const core = ours
  .filter((file) => file.startsWith("core/"))
  .reduce((sum, file) => sum + lineCount(file), 0);

console.log(`\nThe largest files (core/ as a whole: ${core} lines)`);
for (const { file, lines } of files) console.log(`  ${String(lines).padStart(5)}  ${file}`);
console.log("\nThe largest functions");
for (const { name, file, line, lines } of functions) {
  console.log(`  ${String(lines).padStart(5)}  ${name}   ${file}:${line}`);
}
