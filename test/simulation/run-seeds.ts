/** Seeds one after the other, until one fails. */
import { report } from "./report.ts";
import { simulate, type Run } from "./simulate.ts";

export interface Seeds {
  /** The first; the next ones count on from it. One that is no number stands alone. */
  readonly seed: string;
  readonly runs: number;
  readonly progress: boolean;
}

const everyMs = 5_000;

/** Returns the run that failed, told on the console; undefined: none did. */
export async function runSeeds({ seed, runs, progress }: Seeds): Promise<Run | undefined> {
  const startedAt = performance.now();
  let toldAt = startedAt;
  let steps = 0;
  let grants = 0;
  for (let done = 0; done < runs; done++) {
    const name = /^\d+$/.test(seed) ? String(Number(seed) + done) : seed;
    const run = await simulate(name);
    steps += run.stage.world.steps;
    grants += run.stage.history.grants.length;
    if (run.violations.length > 0) {
      console.log(report(run));
      return run;
    }
    const now = performance.now();
    if (progress && (now - toldAt > everyMs || done === runs - 1)) {
      toldAt = now;
      const perSecond = ((done + 1) * 1_000) / (now - startedAt);
      console.log(
        `${String(done + 1)} of ${String(runs)} schedules hold, ${perSecond.toFixed(1)} a second (${String(grants)} grants, ${String(steps)} steps)`,
      );
    }
  }
  return undefined;
}
