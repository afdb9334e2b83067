/**
 * `make faults SECONDS= SEED=`: runs with real etcd and real sidecars under faults, one with one member and one with three, each
 * for half of the time. Ends with 1 where anything was wrong; what happened lies in .cache/faults.
 */
import { appendFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { numberSetting, setting } from "#test/support/setting.ts";
import { told } from "./report/lines.ts";
import { run, runsFolder } from "./run.ts";

const secondsUsual = "300";
const podsOf = { 1: 2, 3: 3 } as const;

const seconds = numberSetting("SECONDS", secondsUsual);
const seed = setting("SEED", String(Math.floor(Math.random() * 1e9)));

const say = (line: string): void => {
  console.error(line);
};

let wrong = 0;
for (const members of [1, 3] as const) {
  const plan = { seed, members, pods: podsOf[members], seconds: seconds / 2, say };
  const { history, violations, summary, folder } = await run(plan);
  const line = JSON.stringify({ at: new Date().toISOString(), ...summary });
  await appendFile(path.join(runsFolder, "runs.jsonl"), `${line}\n`);
  console.log(line);
  say(`${path.relative(".", folder)}/report.html shows it`);
  if (violations.length > 0) say(told(history, violations));
  wrong += violations.length;
}
process.exitCode = wrong === 0 ? 0 : 1;
