/** Seeds one after the other, until one fails. */
import { report } from "./report.ts";
import { simulate } from "./simulate.ts";

export interface Seeds {
  /** The first; the next ones count on from it. One that is no number stands alone. */
  readonly seed: string;
  readonly runs: number;
}

export interface Done {
  readonly schedules: number;
  readonly grants: number;
  readonly steps: number;
}

/** Tells the one that fails on the console. Undefined: it does not hold. */
export async function runSeeds({ seed, runs }: Seeds): Promise<Done | undefined> {
  let [grants, steps] = [0, 0];
  for (let done = 0; done < runs; done++) {
    const name = /^\d+$/.test(seed) ? String(Number(seed) + done) : seed;
    const run = await simulate(name);
    steps += run.stage.world.steps;
    grants += run.stage.history.grants.length;
    if (run.violations.length > 0) {
      console.log(report(run));
      return undefined;
    }
  }
  return { schedules: runs, grants, steps };
}
