/** `make test`: SUITE=, FILE=, GREP=, REPORTER= choose; the last line is "N passed, N failed, N skipped". */
import process from "node:process";
import { runSuites } from "./test/run.ts";
import { NoSuchTests } from "./test/suites.ts";
import { line } from "./test/totals.ts";

async function main(): Promise<number> {
  const { SUITE, FILE, GREP, CI } = process.env;
  try {
    const run = { suite: SUITE, file: FILE, grep: GREP, strict: CI === "true" };
    const totals = await runSuites(run);
    console.log(`\n${line(totals)}`);
    return totals.failed === 0 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof NoSuchTests)) throw error;
    console.error(error.message);
    return 2;
  }
}

process.exitCode = await main();
