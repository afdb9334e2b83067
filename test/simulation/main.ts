/**
 * `make simulate RUNS= SEED=`: runs schedules from consecutive seeds; the first that fails is told with all that happened.
 *
 * A batch at a time in processes of their own, one for each core: what a schedule leaves behind in the process (signals that nobody
 * aborts any more) would fill the memory of one that runs ten thousand.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import process from "node:process";
import { countSetting, setting } from "#test/support/setting.ts";
import { runSeeds, type Done } from "./run-seeds.ts";

const batch = 250;
const ofBatch = "batch";

const runs = countSetting("RUNS", "10000");
const seed = setting("SEED", "1");
if (process.argv[2] === ofBatch) {
  const done = await runSeeds({ seed, runs });
  if (done === undefined) process.exitCode = 1;
  else process.send?.(done);
} else process.exitCode = (await runBatches()) ? 0 : 1;

/** Whether all schedules hold. */
async function runBatches(): Promise<boolean> {
  const startedAt = performance.now();
  const sum = { schedules: 0, grants: 0, steps: 0 };
  const running = new Set<ChildProcess>();
  let next = 0;
  let hold = true;
  const work = async (): Promise<void> => {
    while (hold && next < runs) {
      const first = next;
      next += batch;
      const done = await runBatch(first, running);
      if (done === undefined) {
        hold = false;
        for (const child of running) child.kill();
        return;
      }
      sum.schedules += done.schedules;
      sum.grants += done.grants;
      sum.steps += done.steps;
      const perSecond = (sum.schedules * 1_000) / (performance.now() - startedAt);
      console.log(
        `${String(sum.schedules)} of ${String(runs)} schedules hold, ${perSecond.toFixed(1)} a second (${String(sum.grants)} grants, ${String(sum.steps)} steps)`,
      );
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return hold;
}

async function runBatch(first: number, running: Set<ChildProcess>): Promise<Done | undefined> {
  const isCounted = /^\d+$/.test(seed);
  const env = {
    ...process.env,
    SEED: isCounted ? String(Number(seed) + first) : seed,
    RUNS: String(Math.min(batch, runs - first)),
  };
  const child = fork(import.meta.filename, [ofBatch], { env });
  running.add(child);
  let done: Done | undefined;
  child.on("message", (message) => {
    done = message as Done;
  });
  // What it has sent is here when its channel is closed.
  await Promise.all([once(child, "exit"), once(child, "disconnect")]);
  running.delete(child);
  return done;
}
