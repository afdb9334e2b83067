/**
 * One suite in one process of mocha. Its totals come by a file: a process that ends without one has crashed and counts
 * as a failure, whatever it printed; one that has told its totals and does not end is ended, and that is a failure, too.
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, mkdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import type { Chosen } from "./suites.ts";
import { none, type Totals } from "./totals.ts";

const minutesMaxUsual = 15;
const lingerMaxMs = 10_000;
const lookEveryMs = 500;

export interface How {
  readonly grep?: string | undefined;
  /** Counts the tests and runs none. */
  readonly dry?: boolean;
}

export async function runSuite(chosen: Chosen, how: How = {}): Promise<Totals> {
  const { suite } = chosen;
  const totalsFile = path.join(".cache", "test", `${suite.name}-${process.pid}.json`);
  mkdirSync(path.dirname(totalsFile), { recursive: true });
  rmSync(totalsFile, { force: true });
  try {
    const ended = await mocha({
      ...{ args: argsOf(chosen, how), totalsFile, quiet: how.dry === true },
      rung: suite.rung ?? "",
      maxMs: (suite.minutesMax ?? minutesMaxUsual) * 60_000,
    });
    if (!existsSync(totalsFile)) {
      console.log(`\n  ${suite.name}: mocha ended (${ended.how}) without telling its totals.`);
      return { ...none, failed: 1 };
    }
    const totals = JSON.parse(readFileSync(totalsFile, "utf8")) as Totals;
    if (!ended.forced && (ended.how === "0" || totals.failed > 0)) return totals;
    const why = ended.forced
      ? "its process did not end by itself"
      : `its process ended with ${ended.how}`;
    console.log(`\n  ${suite.name}: all tests are over, and ${why}.`);
    return { ...totals, failed: totals.failed + 1 };
  } finally {
    rmSync(totalsFile, { force: true });
  }
}

function argsOf({ suite, specs, except }: Chosen, { grep, dry }: How): string[] {
  return [
    "node_modules/mocha/bin/mocha.js",
    "--reporter",
    "tools/test/reporter.cjs",
    ...(grep === undefined || grep === "" ? [] : ["--grep", grep, "--no-fail-zero"]),
    ...(dry === true ? ["--dry-run"] : []),
    ...(suite.sideBySide === true && dry !== true ? ["--parallel", "--jobs", "2"] : []),
    ...except.flatMap((pattern) => ["--ignore", pattern]),
    ...specs,
  ];
}

interface Ended {
  /** The exit code, or the signal. */
  readonly how: string;
  readonly forced: boolean;
}

interface Mocha {
  readonly args: readonly string[];
  readonly totalsFile: string;
  readonly quiet: boolean;
  /** Tests start it. */
  readonly rung: string;
  readonly maxMs: number;
}

function mocha({ args, totalsFile, quiet, rung, maxMs }: Mocha): Promise<Ended> {
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", quiet ? "ignore" : "inherit", "inherit"],
    env: { ...process.env, HOLDFAST_TEST_TOTALS: totalsFile, HOLDFAST_TEST_RUNG: rung },
  });
  const startedAt = performance.now();
  let forced = false;
  let toldAt: number | undefined;
  const watch = setInterval(() => {
    const now = performance.now();
    if (toldAt === undefined && existsSync(totalsFile)) toldAt = now;
    const lingers = toldAt !== undefined && now - toldAt > lingerMaxMs;
    if (!lingers && now - startedAt < maxMs) return;
    forced = true;
    child.kill("SIGKILL");
  }, lookEveryMs);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      clearInterval(watch);
      resolve({ how: String(code ?? signal), forced });
    });
  });
}
