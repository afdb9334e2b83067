/** `make simulate RUNS= SEED=`: runs schedules from consecutive seeds; the first that fails is told with all that happened. */
import process from "node:process";
import { setting } from "#test/support/setting.ts";
import { runSeeds } from "./run-seeds.ts";

const runs = Number(setting("RUNS", "2000"));
const seed = setting("SEED", "1");
const failed = await runSeeds({ seed, runs, progress: true });
process.exitCode = failed === undefined ? 0 : 1;
