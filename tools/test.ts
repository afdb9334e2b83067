/** `make test`: SUITE=, FILE=, GREP=, REPORTER= choose; the last line is "N passed, N failed, N skipped". */
import process from "node:process";
import { runSuites } from "./test/run.ts";
import { line } from "./test/totals.ts";

const { SUITE, FILE, GREP, CI } = process.env;
const totals = await runSuites({ suite: SUITE, file: FILE, grep: GREP, strict: CI === "true" });
console.log(`\n${line(totals)}`);
process.exitCode = totals.failed === 0 ? 0 : 1;
