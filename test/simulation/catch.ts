/**
 * Run as a process, on sources with a bug planted: tries the seeds that are named, and then others, until a schedule fails.
 * Tells the seed and the rule as JSON on stdout; ends with 3 where none failed.
 */
import process from "node:process";
import type { PoolMode } from "#core/lock/order.ts";
import type { FaultName } from "./faults/names.ts";
import { simulate } from "./simulate.ts";

const othersMax = 2_000;

export interface Caught {
  readonly seed: string;
  readonly rule: string;
  readonly what: string;
}

const [first = "1", most = String(othersMax), mode = "Mutex", faults = "any", kind = "singles"] =
  process.argv.slice(2);
const change = {
  mode: mode as PoolMode,
  sets: kind === "sets",
  ...(faults === "any"
    ? {}
    : { faults: faults.split(",").filter((name) => name !== "") as FaultName[] }),
};
const others = Array.from({ length: Number(most) }, (_, index) => String(index + 1));
let caught: Caught | undefined;
for (const seed of [first, ...others]) {
  const { violations } = await simulate(seed, change);
  const [violation] = violations;
  if (violation === undefined) continue;
  caught = { seed, rule: violation.rule, what: violation.what };
  break;
}
if (caught === undefined) process.exitCode = 3;
else console.log(JSON.stringify(caught));
