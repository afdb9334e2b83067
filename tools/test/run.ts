/** A run of the suites: tools first, then one suite after another, each with its time. */
import { bringTools, lackingOf } from "./tools.ts";
import { runSuite } from "./run-suite.ts";
import { choose, type Chosen, type Selection } from "./suites.ts";
import { sum, line, type Totals } from "./totals.ts";

export interface Run extends Selection {
  readonly grep?: string | undefined;
  /** A suite that cannot run is a failure, not only skipped. */
  readonly strict: boolean;
}

export async function runSuites(run: Run): Promise<Totals> {
  const chosen = choose(run);
  const missing = await bringTools(chosen.map(({ suite }) => suite));
  const results: { name: string; totals: Totals; seconds: number }[] = [];
  for (const each of chosen) {
    const lacking = lackingOf(each.suite, missing);
    const startedAt = performance.now();
    console.log(`\n━━ ${each.suite.name}`);
    const totals =
      lacking.length === 0
        ? await runSuite(each, run)
        : await leaveOut(each, { strict: run.strict, why: lacking });
    results.push({
      name: each.suite.name,
      totals,
      seconds: (performance.now() - startedAt) / 1_000,
    });
  }
  console.log("");
  for (const { name, totals, seconds } of results) {
    console.log(`  ${name.padEnd(12)} ${seconds.toFixed(1).padStart(7)} s   ${line(totals)}`);
  }
  return sum(results.map(({ totals }) => totals));
}

/** Says loudly that a suite is left out, and counts its tests as skipped: never as passed. */
async function leaveOut(
  chosen: Chosen,
  { strict, why }: { strict: boolean; why: readonly string[] },
): Promise<Totals> {
  console.log(`\n  !! The suite ${chosen.suite.name} is SKIPPED: what it needs cannot be had.`);
  for (const message of why) console.log(message.replaceAll(/^/gm, "  !! "));
  const counted = await runSuite(chosen, { dry: true });
  return {
    passed: 0,
    failed: strict ? 1 : 0,
    skipped: Math.max(1, counted.passed + counted.skipped),
  };
}
